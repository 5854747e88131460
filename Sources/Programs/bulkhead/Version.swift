/// The version of this client, as `CHANGELOG.md` names it.
enum Version {
  static let current = "0.1.0"
}
