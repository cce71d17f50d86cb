//! Ways of working that people can pick.
