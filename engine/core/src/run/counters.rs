//! Counters as plain structs of numbers that can name themselves.

macro_rules! counters {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default)]
        $vis struct $name { $($(#[$field_meta])* pub $field: u64,)* }

        impl $name {
            pub fn dump(&self, out: &mut Vec<(&'static str, f64)>) {
                $(out.push((stringify!($field), self.$field as f64));)*
            }
        }
    };
}
