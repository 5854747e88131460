import Model

/// Finds the ids for a user given by name or number, as docker does.
///
/// The files come from the container's own root, read by the caller through `RootedDirectory`, so that a link cannot
/// lead to the host's. Sources: passwd(5), group(5).
public enum UserResolver {
  /// Longest file taken.
  public static let maximumFileBytes = 1 << 20
  /// Lines looked at in one file.
  static let maximumLines = 65_536
  /// NGROUPS_MAX of linux/limits.h.
  static let maximumGroups = 65_536
  /// Numbers above this are refused as docker does; inside a container's range they stay below 65,536 anyhow.
  static let maximumNumber: UInt32 = 2_147_483_647

  /// - Parameters:
  ///   - user: `user`, `uid`, `user:group`, `uid:gid`; nil or empty is root.
  ///   - groups: `--group-add`: names or numbers.
  ///   - passwd: the bytes of /etc/passwd; nil where there is none.
  ///   - group: the bytes of /etc/group; nil where there is none.
  ///   - idCount: ids the container has; an id beyond is refused.
  /// - Throws: `invalidArgument` for unknown names and numbers out of range, `resourceExhausted` for files too large.
  public static func resolve(
    user: String?, groups: [String], passwd: [UInt8]?, group: [UInt8]?, idCount: UInt32 = IDRange.standardCount
  ) throws -> ResolvedUser {
    let users = try Table.users(passwd)
    let groupTable = try Table.groups(group)
    let text = user ?? ""
    let separator = text.firstIndex(of: ":")
    let userPart = String(separator.map { text[..<$0] } ?? text[...])
    let groupPart = separator.map { String(text[text.index(after: $0)...]) } ?? ""

    var resolved = ResolvedUser()
    let entry = try findUser(userPart, in: users, idCount: idCount, into: &resolved)
    if groupPart.isEmpty {
      // Only who names no group gets those the group file has for the name.
      if let name = entry?.name { resolved.additionalGids = groupTable.filter { $0.members.contains(name) }.map(\.gid) }
    } else {
      resolved.gid = try number(ofGroup: groupPart, in: groupTable, idCount: idCount)
    }
    guard groups.count <= maximumGroups else {
      throw PlatformError(.invalidArgument, "more than \(maximumGroups) additional groups")
    }
    for name in groups { resolved.additionalGids.append(try number(ofGroup: name, in: groupTable, idCount: idCount)) }
    resolved.additionalGids = try checked(resolved, idCount: idCount)
    return resolved
  }

  private static func findUser(
    _ text: String, in users: [Table.User], idCount: UInt32, into resolved: inout ResolvedUser
  ) throws -> Table.User? {
    let wanted = text.isEmpty ? "0" : text
    let number = try parsed(wanted, kind: "uid", idCount: idCount)
    // A name made of digits is that name first; after that a number is looked up for its group and home.
    if let entry = users.first(where: { $0.name == wanted }) ?? number.flatMap({ uid in users.first { $0.uid == uid } })
    {
      resolved.uid = entry.uid
      resolved.gid = entry.gid
      resolved.home = entry.home
      return entry
    }
    guard let number else {
      throw PlatformError(
        .invalidArgument, "unable to find user \(text.prefix(100)): no matching entries in passwd file")
    }
    resolved.uid = number
    return nil
  }

  private static func number(ofGroup text: String, in groups: [Table.Group], idCount: UInt32) throws -> UInt32 {
    if let entry = groups.first(where: { $0.name == text }) { return entry.gid }
    if let number = try parsed(text, kind: "gid", idCount: idCount) { return number }
    throw PlatformError(.invalidArgument, "unable to find group \(text.prefix(100)): no matching entries in group file")
  }

  /// The number a text is, or nil where it is a name.
  private static func parsed(_ text: String, kind: String, idCount: UInt32) throws -> UInt32? {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    guard let number = UInt32(text), number <= maximumNumber else {
      throw PlatformError(
        .invalidArgument, "\(kind)s and gids must be in range 0-\(maximumNumber): \(text.prefix(40))")
    }
    try requireInside(number, kind: kind, idCount: idCount)
    return number
  }

  private static func requireInside(_ number: UInt32, kind: String, idCount: UInt32) throws {
    guard number < idCount else {
      throw PlatformError(
        .invalidArgument,
        "\(kind) \(number) is outside the container's ids 0-\(idCount - 1): containers have their own range of ids")
    }
  }

  /// Entries of the image's own files have to fit, too; each additional group once, in order.
  private static func checked(_ user: ResolvedUser, idCount: UInt32) throws -> [UInt32] {
    try requireInside(user.uid, kind: "uid", idCount: idCount)
    try requireInside(user.gid, kind: "gid", idCount: idCount)
    var seen: Set<UInt32> = []
    for gid in user.additionalGids { try requireInside(gid, kind: "gid", idCount: idCount) }
    return Array(user.additionalGids.filter { seen.insert($0).inserted }.prefix(maximumGroups))
  }
}

extension UserResolver {
  /// The two files, read; lines that do not have the form are passed over, as the C library does.
  enum Table {
    struct User {
      var name: String
      var uid: UInt32
      var gid: UInt32
      var home: String
    }

    struct Group {
      var name: String
      var gid: UInt32
      var members: [String]
    }

    static func users(_ bytes: [UInt8]?) throws -> [User] {
      try lines(bytes, of: "/etc/passwd").compactMap { fields in
        guard fields.count >= 6, let uid = UInt32(fields[2]), let gid = UInt32(fields[3]) else { return nil }
        let home = fields[5].hasPrefix("/") ? fields[5] : "/"
        return User(name: fields[0], uid: uid, gid: gid, home: home)
      }
    }

    static func groups(_ bytes: [UInt8]?) throws -> [Group] {
      try lines(bytes, of: "/etc/group").compactMap { fields in
        guard fields.count >= 3, let gid = UInt32(fields[2]) else { return nil }
        let members = fields.count > 3 ? fields[3].split(separator: ",").map(String.init) : []
        return Group(name: fields[0], gid: gid, members: members)
      }
    }

    private static func lines(_ bytes: [UInt8]?, of name: String) throws -> [[String]] {
      guard let bytes else { return [] }
      guard bytes.count <= maximumFileBytes else {
        throw PlatformError(.resourceExhausted, "\(name) in the image is larger than \(maximumFileBytes) bytes")
      }
      let lines = bytes.split(separator: UInt8(ascii: "\n"))
      guard lines.count <= maximumLines else {
        throw PlatformError(.resourceExhausted, "\(name) in the image has more than \(maximumLines) lines")
      }
      return lines.compactMap { line in
        guard let first = line.first, first != UInt8(ascii: "#"), first != UInt8(ascii: ":") else { return nil }
        return line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
          String(decoding: $0, as: UTF8.self)
        }
      }
    }
  }
}
