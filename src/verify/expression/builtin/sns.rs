//! Amazon SNS: names and values of a fixed list of members, one per line.
//!
//! Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>; aws/aws-sdk-java-v2,
//! `services-custom/sns-message-manager` (the list of `UnsubscribeConfirmation`, which has a `Token`).

const NOTIFICATION: &[&str] = &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
/// Also of `UnsubscribeConfirmation`.
const CONFIRMATION: &[&str] = &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

/// The signed content of an SNS message: each member's name and value, each followed by a line feed.
///
/// `get` gives the decoded text of a member of the body, and `None` for one that is absent or `null`. Only
/// `Subject` may be absent.
///
/// `None` if the `Type` is not one of the three, if a member is missing, or if one other than `Message` holds a line
/// feed: with those refused, the lines behind the message can be read in one way only, so no text can move from one
/// member to another under the same signature.
///
/// A valid signature shows only that some SNS topic sent the message, and anybody can create a topic: the caller must
/// compare `TopicArn`.
#[must_use]
pub fn sns(get: &dyn Fn(&str) -> Option<String>) -> Option<Vec<u8>> {
    let members = match get("Type")?.as_str() {
        "Notification" => NOTIFICATION,
        "SubscriptionConfirmation" | "UnsubscribeConfirmation" => CONFIRMATION,
        _ => return None,
    };
    let mut content = Vec::new();
    for name in members {
        match get(name) {
            None if *name == "Subject" => {}
            None => return None,
            Some(value) if *name != "Message" && value.contains('\n') => return None,
            Some(value) => {
                for line in [*name, value.as_str()] {
                    content.extend_from_slice(line.as_bytes());
                    content.push(b'\n');
                }
            }
        }
    }
    Some(content)
}
