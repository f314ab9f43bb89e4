//! What Envoy lets the module call, and calls of it: what the configuration needs, and nothing else.

use super::envoy::lines;
use super::plan::Plan;

/// The list, as a member of the plugin's `config`. Envoy 1.40 also reads it in `vm_config`, as the older ones do not.
pub fn restriction(plan: &Plan) -> String {
    let head = "# What the module may call and be asked: what this configuration needs, and nothing else. After a change\n\
                # `hookwarden check` says what the list lacks.\n\
                capability_restriction_config:\n  allowed_capabilities:";
    let functions = plan.capabilities.functions();
    lines(head, functions.iter().map(|function| format!("    {}: {{}}", function.name)))
}

/// What tells the VM from one with another list, as a member of `vm_config`. The module does not read it. What the module
/// remembers stays: that depends on `vm_id` alone.
pub fn vm_configuration(plan: &Plan) -> String {
    format!(
        "# Differs where the list does: before 1.40, Envoy would go on with a VM that has the former list.\n\
         configuration:\n  \"@type\": type.googleapis.com/google.protobuf.StringValue\n  value: \"{}\"",
        plan.capabilities.words()
    )
}
