//! Asking the cache for what is needed soon. A thousand connections do not fit into a core's caches, and whoever goes
//! from one to the next waits for memory more than for anything else: asked for ahead, it comes meanwhile.

/// All of `value`, but nothing that it points to, into the second-level cache (the first is too small for a whole
/// connection). A hint: only time depends on it.
#[inline]
pub(crate) fn prefetch<T: ?Sized>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T1};
        let start = std::ptr::from_ref(value).cast::<i8>();
        for at in (0..size_of_val(value)).step_by(64) {
            // SAFETY: stays inside `value`; a prefetch neither faults nor changes anything.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(start.add(at)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
