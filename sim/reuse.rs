//! Copies into memory that is there already.
//!
//! Knows nothing of what is copied.

/// `Clone` for a struct of which all fields are named, so that `clone_from` goes from field to field and each keeps its
/// memory. What std derives drops the old value and takes new memory, which costs more than the copy.
macro_rules! clone_in_place {
    ($name:ident $(<$life:lifetime>)? { $($field:ident),* $(,)? }) => {
        impl $(<$life>)? Clone for $name $(<$life>)? {
            fn clone(&self) -> Self {
                let Self { $($field),* } = self;
                Self { $($field: Clone::clone($field)),* }
            }

            fn clone_from(&mut self, other: &Self) {
                let Self { $($field),* } = other;
                $(Clone::clone_from(&mut self.$field, $field);)*
            }
        }
    };
}

pub(crate) use clone_in_place;

#[cfg(test)]
mod tests {
    struct Table {
        rows: Vec<Vec<u32>>,
    }

    clone_in_place!(Table { rows });

    #[test]
    fn a_copy_takes_no_new_memory() {
        let mut copy = Table { rows: vec![Vec::with_capacity(10)] };
        let room = copy.rows[0].as_ptr();
        copy.clone_from(&Table { rows: vec![vec![1, 2, 3]] });
        assert_eq!((copy.rows[0].as_ptr(), &copy.clone().rows[0][..]), (room, &[1, 2, 3][..]));
    }
}
