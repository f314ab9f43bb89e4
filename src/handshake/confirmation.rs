//! Amazon SNS confirms a subscription when somebody visits an address out of a signed message.
//!
//! Nothing is called that a request names: the call goes to a configured cluster, its host and path are made of the region
//! and the topic that are configured, and only the token comes from the message.
//! <https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.confirm.html>

use std::time::Duration;

use crate::verify::Denial;
use crate::verify::bytes::json::{Json, JsonPath};

/// The longest token of a confirmation, in bytes. SNS's have some 300 hexadecimal digits.
const MAX_CONFIRMATION_TOKEN: usize = 1024;

/// Which subscriptions are confirmed, and through what.
#[derive(Clone, Debug)]
pub struct ConfirmationRule {
    /// The host's name of the cluster.
    pub cluster: String,
    /// The topics, as Amazon Resource Names.
    pub topics: Vec<String>,
    /// How long the call may take.
    pub timeout: Duration,
}

/// One call that confirms a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The host's name of the cluster.
    pub cluster: String,
    /// The value of `Host`.
    pub authority: String,
    /// Path and query.
    pub path: String,
    /// How long the answer may take.
    pub timeout: Duration,
}

impl ConfirmationRule {
    /// The call for a verified message.
    ///
    /// # Errors
    /// [`Denial::HandshakeMismatch`] if the topic is not configured or the message's address is not that topic's;
    /// [`Denial::HandshakeMalformed`] if a member is missing or malformed.
    pub(super) fn confirm(&self, message: &Json) -> Result<Confirmation, Denial> {
        let member = |name: &str| {
            let text = JsonPath::parse(name).and_then(|path| message.at(&path)).and_then(Json::text);
            text.ok_or(Denial::HandshakeMalformed)
        };
        let (topic, token, url) = (member("TopicArn")?, member("Token")?, member("SubscribeURL")?);
        if !self.topics.iter().any(|known| known == topic) {
            return Err(Denial::HandshakeMismatch);
        }
        if token.is_empty()
            || token.len() > MAX_CONFIRMATION_TOKEN
            || !token.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(Denial::HandshakeMalformed);
        }
        let authority = authority(topic).ok_or(Denial::HandshakeMismatch)?;
        let is_the_topics = url
            .strip_prefix("https://")
            .and_then(|url| url.strip_prefix(authority.as_str()))
            .is_some_and(|path| path.starts_with("/?Action=ConfirmSubscription&"));
        if !is_the_topics {
            return Err(Denial::HandshakeMismatch);
        }
        let path = format!("/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}");
        Ok(Confirmation { cluster: self.cluster.clone(), authority, path, timeout: self.timeout })
    }

    /// The host that confirms the subscriptions of a topic.
    #[must_use]
    pub fn host(topic: &str) -> Option<String> {
        authority(topic)
    }

    /// Whether a text is the name of a topic: `arn:aws:sns:eu-west-1:123456789012:orders`.
    #[must_use]
    pub fn is_topic(text: &str) -> bool {
        authority(text).is_some()
    }
}

/// The host of a topic's region.
fn authority(topic: &str) -> Option<String> {
    let parts: Vec<&str> = topic.split(':').collect();
    let ["arn", partition, "sns", region, account, name] = parts.as_slice() else { return None };
    let domain = match *partition {
        "aws" | "aws-us-gov" => "amazonaws.com",
        "aws-cn" => "amazonaws.com.cn",
        _ => return None,
    };
    let is_word = |text: &str, others: &[u8]| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
    };
    let is_topic = is_word(region, b"-") && is_word(account, b"") && is_word(name, b"-_.");
    is_topic.then(|| format!("sns.{region}.{domain}"))
}
