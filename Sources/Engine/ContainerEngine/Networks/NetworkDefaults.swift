/// The networks that are always there.
enum NetworkDefaults {
  static let bridge = "bridge"
  static let host = "host"
  static let none = "none"
}
