//! Reads the TLS ClientHello to learn which host a client wants (RFC 8446, RFC 6066).

/// The result of reading it.
#[derive(Debug, PartialEq, Eq)]
pub enum ClientHello {
    /// The client wants this host.
    To(String),
    /// Incomplete; more bytes are needed.
    Short,
    /// Not TLS, or without a server name.
    Other,
}

/// Reads what has arrived so far.
pub fn read(bytes: &[u8]) -> ClientHello {
    let mut acceptor = rustls::server::Acceptor::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        match acceptor.read_tls(&mut rest) {
            Ok(0) => break,
            Ok(_) => {}
            Err(_) => return ClientHello::Other,
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(greeted)) => {
                let name = greeted.client_hello().server_name().map(str::to_owned);
                return name.map_or(ClientHello::Other, ClientHello::To);
            }
            Err(_) => return ClientHello::Other,
        }
    }
    ClientHello::Short
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn greeting(name: &str) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let name = name.to_owned().try_into().expect("a name");
        let mut client = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).expect("written");
        bytes
    }

    #[test]
    fn a_greeting_says_to_whom_however_it_comes() {
        let whole = greeting("registry.npmjs.org");
        assert_eq!(read(&whole), ClientHello::To("registry.npmjs.org".into()));
        assert_eq!(read(&whole[..20]), ClientHello::Short);
        assert_eq!(read(b""), ClientHello::Short);
        assert_eq!(
            read(b"GET / HTTP/1.1\r\nHost: registry.npmjs.org\r\n\r\n"),
            ClientHello::Other
        );
        assert_eq!(
            read(&greeting("192.0.2.1")),
            ClientHello::Other,
            "an address is not a name"
        );
    }
}
