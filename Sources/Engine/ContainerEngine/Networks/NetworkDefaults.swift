/// The networks that are always there.
enum NetworkDefaults {
  static let bridge = "bridge"
  static let host = "host"
  static let none = "none"
  /// That of the pods, made with the first of them.
  static let pods = "pods"

  /// Letters, digits, `_`, `.` and `-`, beginning with a letter or digit, at most 255 bytes: names reach file names, name
  /// servers and logs.
  static func isValid(_ name: String) -> Bool {
    func plain(_ byte: UInt8) -> Bool {
      (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
    guard let first = name.utf8.first, plain(first), name.utf8.count <= 255 else { return false }
    return name.utf8.allSatisfy { plain($0) || $0 == 95 || $0 == 46 || $0 == 45 }
  }
}
