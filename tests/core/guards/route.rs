//! Routing of paths to sources.

use hookwarden::guard::path::readings;
use hookwarden::guard::route::{PathPattern, Pattern, Routes, Unrouted};

fn routes(paths: &[&str]) -> Routes {
    let mut routes = Routes::default();
    for (position, path) in paths.iter().enumerate() {
        let pattern = Pattern { hosts: Vec::new(), path: PathPattern::Exact(path.as_bytes().to_vec()) };
        routes.add(&pattern, position).expect("the paths differ");
    }
    routes
}

#[test]
fn readings_are_looked_up_for_paths_of_up_to_1024_bytes() {
    let routes = routes(&["/hook"]);
    // Upper case gives a path several readings.
    let path = |length: usize| "/".to_owned() + &"A".repeat(length - 1);
    for (length, expected) in [
        (1023, Unrouted::Unmatched),
        (1024, Unrouted::Unmatched),
        (1025, Unrouted::Ambiguous),
        (5000, Unrouted::Ambiguous),
    ] {
        assert_eq!(routes.find(b"hooks.example.com", path(length).as_bytes()), Err(expected), "{length} bytes");
        let plain = path(length).to_ascii_lowercase();
        assert_eq!(
            routes.find(b"hooks.example.com", plain.as_bytes()),
            Err(Unrouted::Unmatched),
            "{length} plain bytes"
        );
    }
    assert_eq!(routes.find(b"hooks.example.com", b"/hook"), Ok(0));
}

#[test]
fn what_is_below_a_script_is_the_scripts_own_in_any_case() {
    let mut routes = routes(&["/x/hook.php"]);
    let below = Pattern { hosts: Vec::new(), path: PathPattern::Below(b"/x/".to_vec()) };
    routes.add(&below, 1).expect("the paths differ");
    assert_eq!(routes.find(b"hooks.example.com", b"/x/Other.php/more"), Ok(1));
    assert_eq!(routes.find(b"hooks.example.com", b"/x/Hook.PHP/more"), Err(Unrouted::Ambiguous));
}

#[test]
fn a_path_with_letters_beyond_ascii_is_compared_with_65_536_others() {
    let path = "/x/\u{e9}\u{e9}".as_bytes();
    let readings = readings(path).expect("they are few");
    let foreign = readings.iter().filter(|reading| !reading.is_ascii()).count();
    let most = 65_536 / foreign;
    assert_eq!(most * foreign, 65_536, "{foreign} readings");
    let paths: Vec<_> = (0..most + 2).map(|number| format!("/{number}")).collect();
    let mut routes = Routes::default();
    for (position, own) in paths.iter().enumerate() {
        let expected = if position <= most { Unrouted::Unmatched } else { Unrouted::Ambiguous };
        if position + 1 >= most {
            assert_eq!(routes.find(b"hooks.example.com", path), Err(expected), "{position} paths");
        }
        let pattern = Pattern { hosts: Vec::new(), path: PathPattern::Exact(own.as_bytes().to_vec()) };
        routes.add(&pattern, position).expect("the paths differ");
    }
    assert_eq!(routes.find(b"hooks.example.com", path), Err(Unrouted::Ambiguous));
}
