//! Addresses of Redis: one server, a cluster, or a set of sentinels.

use redis::{
    Client, IntoConnectionInfo, RedisError, RedisResult,
    sentinel::{Sentinel, SentinelNodeConnectionInfo},
};

/// An address of Redis.
#[derive(Debug, Clone)]
pub enum Address {
    /// One server.
    Server(Client),
    /// The nodes of a cluster; each delivers what is published on any other.
    Cluster(Vec<Client>),
    /// Sentinels, and the service that they monitor.
    Sentinels {
        /// The addresses of the sentinels.
        urls: Vec<String>,
        /// The service's name.
        service: String,
        /// User and password for the server that they name.
        user: Option<(String, String)>,
    },
}

/// The address is not valid.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0}; use redis://host:6379, rediss://user:password@host:6379, \
     redis-cluster://a:6379,b:6379 or \
     redis-sentinel://a:26379,b:26379/name"
)]
pub struct RedisConnectError(String);

impl Address {
    /// Parses an address.
    pub fn parse(url: &str) -> Result<Self, RedisConnectError> {
        // The crate's TLS uses the process-wide provider.
        let _set_before = rustls::crypto::ring::default_provider().install_default();
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| RedisConnectError("the address of Redis has no scheme".into()))?;
        let (login, hosts) = rest
            .rsplit_once('@')
            .map_or(("", rest), |(login, hosts)| (login, hosts));
        let at = |host: &str| {
            if login.is_empty() {
                format!("redis://{host}")
            } else {
                format!("redis://{login}@{host}")
            }
        };
        match scheme {
            "redis" | "rediss" => Ok(Self::Server(client(url)?)),
            "redis-cluster" => Ok(Self::Cluster(
                hosts
                    .split(',')
                    .map(|host| client(&at(host)))
                    .collect::<Result<_, _>>()?,
            )),
            "redis-sentinel" => {
                let (hosts, service) = hosts
                    .split_once('/')
                    .filter(|(_, service)| !service.is_empty())
                    .ok_or_else(|| {
                        RedisConnectError(
                            "the address of the sentinels does not name the \
                     service that they monitor"
                                .into(),
                        )
                    })?;
                let urls: Vec<String> = hosts
                    .split(',')
                    .map(|host| format!("redis://{host}"))
                    .collect();
                urls.iter().try_for_each(|url| client(url).map(|_| ()))?;
                let user = login
                    .split_once(':')
                    .map(|(user, password)| (user.to_owned(), password.to_owned()));
                Ok(Self::Sentinels {
                    urls,
                    service: service.to_owned(),
                    user,
                })
            }
            other => Err(RedisConnectError(format!(
                "`{other}` is not a Redis scheme"
            ))),
        }
    }

    /// The server to publish to and subscribe at.
    pub async fn master(&self) -> RedisResult<Client> {
        match self {
            Self::Server(client) => Ok(client.clone()),
            Self::Cluster(nodes) => reachable(nodes).await,
            Self::Sentinels {
                urls,
                service,
                user,
            } => {
                let mut node = SentinelNodeConnectionInfo::default();
                if let Some((name, password)) = user {
                    let login =
                        redis::RedisConnectionInfo::default().set_password(password.as_str());
                    node = node.set_redis_connection_info(if name.is_empty() {
                        login
                    } else {
                        login.set_username(name.as_str())
                    });
                }
                let infos = urls
                    .iter()
                    .map(|url| url.as_str().into_connection_info())
                    .collect::<RedisResult<Vec<_>>>()?;
                Sentinel::build(infos)?
                    .async_master_for(service, Some(&node))
                    .await
            }
        }
    }
}

async fn reachable(nodes: &[Client]) -> RedisResult<Client> {
    let mut why = RedisError::from((
        redis::ErrorKind::InvalidClientConfig,
        "the address names no node of the cluster",
    ));
    for node in nodes {
        match node.get_multiplexed_async_connection().await {
            Ok(_) => return Ok(node.clone()),
            Err(error) => why = error,
        }
    }
    Err(why)
}

fn client(url: &str) -> Result<Client, RedisConnectError> {
    Client::open(url).map_err(|error| {
        RedisConnectError(format!("the address of Redis cannot be parsed ({error})"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_clusters_and_sentinels_have_addresses() {
        assert!(matches!(
            Address::parse("redis://localhost:6379/2"),
            Ok(Address::Server(_))
        ));
        assert!(matches!(
            Address::parse("rediss://u:p@localhost:6379"),
            Ok(Address::Server(_))
        ));
        let Ok(Address::Cluster(nodes)) = Address::parse("redis-cluster://u:p@a:1,b:2,c:3") else {
            panic!("a cluster")
        };
        assert_eq!(nodes.len(), 3);
        let Ok(Address::Sentinels {
            urls,
            service,
            user,
        }) = Address::parse("redis-sentinel://:p@a:1,b:2/main")
        else {
            panic!("sentinels")
        };
        assert_eq!(
            (urls.len(), service.as_str(), user),
            (2, "main", Some((String::new(), "p".into())))
        );
    }

    #[test]
    fn what_is_no_address_is_refused_in_words() {
        for (url, words) in [
            ("localhost:6379", "has no scheme"),
            ("http://a", "not a Redis scheme"),
            ("redis-sentinel://a:1", "does not name the service"),
        ] {
            let refused = Address::parse(url).expect_err("refused").to_string();
            assert!(
                refused.contains(words) && refused.contains("redis-sentinel://a:26379"),
                "{refused}"
            );
        }
    }
}
