/// A text of an event that others of its transaction repeat: an account, a token, a key, a transaction id. Never changed once it is made.
///
/// A copy costs no memory: up to 23 bytes stand in it, longer texts are shared by all copies.
pub type Text = smol_str::SmolStr;
