import Model

/// A version of the Docker Engine API, `major.minor`.
struct APIVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
  let major: Int
  let minor: Int

  static let minimum = APIVersion(major: 1, minor: 24)
  static let current = APIVersion(major: 1, minor: 50)

  init(major: Int, minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// A later or the same minor of major version 1.
  static func v1(_ minor: Int) -> APIVersion { APIVersion(major: 1, minor: minor) }

  /// Reads `v1.41`, the first segment of a path; nil for anything else.
  init?(segment: String) {
    guard segment.first == "v" else { return nil }
    let parts = segment.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2,
      parts.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 4 && $0.utf8.allSatisfy { 48...57 ~= $0 } }),
      let major = Int(parts[0]), let minor = Int(parts[1])
    else { return nil }
    self.init(major: major, minor: minor)
  }

  /// The version that a request's path begins with, the current one where it names none, and the rest of the path.
  ///
  /// Throws `invalidArgument` for a version this server does not speak.
  static func asked(by path: [String]) throws -> (version: APIVersion, rest: [String]) {
    guard let first = path.first, let asked = APIVersion(segment: first) else { return (current, path) }
    try asked.requireSupported()
    return (asked, Array(path.dropFirst()))
  }

  var description: String { "\(major).\(minor)" }

  static func < (left: APIVersion, right: APIVersion) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }

  /// Throws `invalidArgument` for a version this server does not speak; clients look for these words.
  func requireSupported() throws {
    if self < Self.minimum {
      throw PlatformError(
        .invalidArgument,
        "client version \(self) is too old. Minimum supported API version is \(Self.minimum), "
          + "please upgrade your client to a newer version")
    }
    if self > Self.current {
      throw PlatformError(
        .invalidArgument, "client version \(self) is too new. Maximum supported API version is \(Self.current)")
    }
  }
}
