//! Functions that the SDK imports but the plugin never calls.

use super::state::INTERNAL_FAILURE;

/// Calling one returns an error, on which the SDK panics.
macro_rules! never_called {
    ($($name:ident)+) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name() -> u32 {
                eprintln!("the plugin calls {}, which this host does not implement", stringify!($name));
                INTERNAL_FAILURE
            }
        )+
    };
}

never_called! {
    proxy_add_header_map_value
    proxy_close_stream
    proxy_dequeue_shared_queue
    proxy_done
    proxy_enqueue_shared_queue
    proxy_get_metric
    proxy_get_status
    proxy_grpc_call
    proxy_grpc_cancel
    proxy_grpc_close
    proxy_grpc_send
    proxy_grpc_stream
    proxy_register_shared_queue
    proxy_resolve_shared_queue
    proxy_set_buffer_bytes
    proxy_set_header_map_pairs
}
