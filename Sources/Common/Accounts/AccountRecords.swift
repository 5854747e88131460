import Model

/// Somebody with a name and a password.
public struct User: Sendable, Hashable, Codable {
  public let name: String
  /// May everything, in every project.
  public var isAdministrator: Bool

  public init(name: String, isAdministrator: Bool = false) {
    self.name = name
    self.isAdministrator = isAdministrator
  }
}

/// Repositories that belong together, and who may do what there. The first part of a repository's name is its project's.
public struct Project: Sendable, Hashable, Codable {
  public let name: String
  /// Everybody may pull, known or not.
  public var isPublic: Bool
  /// Roles by the users' names.
  public var members: [String: Role]
  /// It is being removed: nobody may anything in it any more. Nil is false.
  var isClosing: Bool?

  public init(name: String, isPublic: Bool = false, members: [String: Role] = [:]) {
    self.name = name
    self.isPublic = isPublic
    self.members = members
  }
}

/// The form of names: lower-case letters and digits, parted by single dots, dashes or underscores, as in the names of
/// repositories.
enum AccountName {
  private static let maximumBytes = 63

  /// Throws `invalidArgument` naming the field and the value.
  static func check(_ name: String, field: String) throws {
    var lastIsSeparator = true
    let isFine = name.utf8.allSatisfy { byte in
      if (97...122).contains(byte) || (48...57).contains(byte) {
        lastIsSeparator = false
        return true
      }
      defer { lastIsSeparator = true }
      return !lastIsSeparator && [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains(byte)
    }
    guard isFine, !lastIsSeparator, name.utf8.count <= maximumBytes else {
      let shown = name.unicodeScalars.prefix(80).map { $0.escaped(asASCII: true) }.joined()
      throw PlatformError(
        .invalidArgument,
        "field '\(field)': '\(shown)' is no name: lower-case letters and digits, parted by single '.', '-' or '_', "
          + "\(maximumBytes) at most")
    }
  }
}
