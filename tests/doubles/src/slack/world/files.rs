//! Files: what people attach, what the app uploads.

use serde_json::{Value, json};

use super::{Code, World, bot, merge, text};
use crate::content_of;

impl World {
    fn shared(&mut self, id: &str, more: &Value) -> Value {
        let address = format!("{}/files/{id}", self.base);
        let file = self
            .files
            .entry(id.to_owned())
            .or_insert_with(|| json!({ "id": id }));
        merge(
            file,
            &json!({ "url_private": address, "url_private_download": address }),
        );
        merge(file, more);
        file.clone()
    }

    /// A person attaches a file: `name`, `mimetype`, `text` or `base64`, and perhaps another `size`.
    pub fn attach(&mut self, file: &Value) -> Value {
        let id = self.id("F");
        let bytes = content_of(file);
        let size = file["size"].as_u64().unwrap_or(bytes.len() as u64);
        let more = json!({ "name": file["name"], "mimetype": file["mimetype"], "size": size, "mode": "hosted" });
        self.bytes.insert(id.clone(), bytes);
        self.shared(&id, &more)
    }

    /// `files.getUploadURLExternal`.
    pub fn upload(&mut self, args: &Value) -> Result<Value, Code> {
        let name = text(args, "filename").ok_or("invalid_arguments")?;
        let length = args["length"]
            .as_u64()
            .or_else(|| text(args, "length")?.parse().ok())
            .ok_or("invalid_arguments")?;
        let id = self.id("F");
        self.files.insert(
            id.clone(),
            json!({ "id": id, "name": name, "size": length }),
        );
        Ok(json!({ "file_id": id, "upload_url": format!("{}/upload/{id}", self.base) }))
    }

    /// `files.completeUploadExternal`.
    pub fn complete(&mut self, args: &Value) -> Result<Value, Code> {
        let parsed = args["files"]
            .as_str()
            .and_then(|files| serde_json::from_str(files).ok());
        let files = parsed.unwrap_or_else(|| args["files"].clone());
        let mut shared = Vec::new();
        for wanted in files.as_array().ok_or("invalid_arguments")? {
            let id = text(wanted, "id")
                .filter(|id| self.bytes.contains_key(*id))
                .ok_or("file_not_found")?;
            shared.push(self.shared(id, &json!({ "title": wanted["title"] })));
        }
        if let Some(channel) = text(args, "channel_id").or_else(|| text(args, "channels")) {
            let mut post = json!({ "channel": channel, "text": text(args, "initial_comment").unwrap_or_default(), "files": shared });
            post["thread_ts"] = args["thread_ts"].clone();
            self.post(&bot(), &post)?;
        }
        Ok(json!({ "files": shared }))
    }
}
