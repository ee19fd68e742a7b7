//! A panic becomes an error of JavaScript that says where, and never what: a payload may quote a subject.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Where a panic was: the name of a file, and a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Panicked(pub String);

/// Runs `work`; a panic in it is answered, not passed on, and prints nothing.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    static HOOK: Once = Once::new();
    // The hook of this module's own copy of the standard library: no other module's panics pass here.
    HOOK.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let place = info.location().map(|location| {
                let file = location.file().rsplit(['/', '\\']).next().unwrap_or_default();
                format!("{file}:{}", location.line())
            });
            PLACE.set(place.unwrap_or_default());
        }));
    });
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        // A payload that panics when it is dropped would do so outside of what is caught.
        std::mem::forget(payload);
        Panicked(last_place())
    })
}

/// Where this thread has last panicked; empty where it has not since that was asked.
pub(crate) fn last_place() -> String {
    PLACE.take()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::panic)]
    fn a_panic_tells_its_place_and_not_its_words() {
        let Panicked(place) = caught(|| panic!("of ada@example.com")).unwrap_err();
        assert!(place.starts_with("caught.rs:"), "{place}");
        assert!(!place.contains("ada"));
    }

    #[test]
    fn what_does_not_panic_is_answered() {
        assert_eq!(caught(|| 5), Ok(5));
    }
}
