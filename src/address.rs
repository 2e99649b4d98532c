//! Addresses as they may be shown: without names and passwords.

/// Where a URL leads to. Whatever stands before an `@`, and what follows a `?`, is left out.
pub fn of_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "an address that is no URL".into() };
    let rest = rest.split('?').next().unwrap_or_default();
    let nodes: Vec<&str> = rest.split(',').map(|node| node.rsplit('@').next().unwrap_or_default()).collect();
    format!("{scheme}://{}", nodes.join(","))
}

#[cfg(test)]
mod tests {
    use super::of_url;

    #[test]
    fn no_password_is_shown() {
        let shown = [
            ("redis://host:6379/", "redis://host:6379/"),
            ("redis://:secret@host:6379/2", "redis://host:6379/2"),
            ("nats://user:sec@ret@host:4222", "nats://host:4222"),
            ("redis+sentinel://u:secret@one:1,u:secret@two:2/master", "redis+sentinel://one:1,two:2/master"),
            ("postgres://u:secret@host/base?password=secret", "postgres://host/base"),
            ("u:secret@host", "an address that is no URL"),
        ];
        for (url, expected) in shown {
            assert_eq!(of_url(url), expected);
        }
    }
}
