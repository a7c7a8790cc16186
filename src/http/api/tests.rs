//! The document of the API names what there is.
