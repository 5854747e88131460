import Model
import Testing

@testable import Isolation

@Suite struct UserResolverTests {
  static let passwd = """
    # comment
    root:x:0:0:root:/root:/bin/sh
    toor:x:0:0::/root:/bin/sh
    web:x:33:33:web:/var/www:/bin/false
    1234:x:70:70::/seventy:/bin/sh
    broken:x:abc:1::/:/bin/sh
    short:x:5
    huge:x:70000:70000::/:/bin/sh
    relative:x:44:44::home:/bin/sh
    """
  static let group = """
    root:x:0:
    web:x:33:
    adm:x:4:web,root
    audio:x:29:web
    700:x:8:
    big:x:70000:web2
    """

  private func resolve(_ user: String?, groups: [String] = []) throws -> ResolvedUser {
    try UserResolver.resolve(
      user: user, groups: groups, passwd: Array(Self.passwd.utf8), group: Array(Self.group.utf8))
  }

  @Test(
    arguments: [
      (nil, ResolvedUser(uid: 0, gid: 0, additionalGids: [4], home: "/root")),
      ("", ResolvedUser(uid: 0, gid: 0, additionalGids: [4], home: "/root")),
      ("web", ResolvedUser(uid: 33, gid: 33, additionalGids: [4, 29], home: "/var/www")),
      ("33", ResolvedUser(uid: 33, gid: 33, additionalGids: [4, 29], home: "/var/www")),
      ("web:adm", ResolvedUser(uid: 33, gid: 4, home: "/var/www")),
      ("web:29", ResolvedUser(uid: 33, gid: 29, home: "/var/www")),
      ("web:", ResolvedUser(uid: 33, gid: 33, additionalGids: [4, 29], home: "/var/www")),
      (":adm", ResolvedUser(uid: 0, gid: 4, home: "/root")),
      ("5000", ResolvedUser(uid: 5000, gid: 0)),
      ("5000:5001", ResolvedUser(uid: 5000, gid: 5001)),
      ("1234", ResolvedUser(uid: 70, gid: 70, home: "/seventy")),
      ("web:700", ResolvedUser(uid: 33, gid: 8, home: "/var/www")),
      ("relative", ResolvedUser(uid: 44, gid: 44)),
    ] as [(String?, ResolvedUser)])
  func dockerRules(user: String?, expected: ResolvedUser) throws {
    #expect(try resolve(user) == expected)
  }

  @Test func addedGroupsComeAfterThoseOfTheFileAndOnce() throws {
    #expect(try resolve("web", groups: ["audio", "9", "700", "9"]).additionalGids == [4, 29, 9, 8])
    #expect(try resolve("web:adm", groups: ["audio"]).additionalGids == [29])
  }

  @Test(arguments: [
    ("nobody", "unable to find user nobody: no matching entries in passwd file"),
    ("broken", "unable to find user broken"), ("short", "unable to find user short"),
    ("web:nogroup", "unable to find group nogroup: no matching entries in group file"),
  ])
  func unknownNames(user: String, message: String) {
    let failed = failure { _ = try resolve(user) }
    #expect(failed.code == .invalidArgument && failed.message.hasPrefix(message), "\(failed.message)")
  }

  @Test func withoutFilesOnlyNumbersWork() throws {
    #expect(
      try UserResolver.resolve(user: "7:8", groups: ["9"], passwd: nil, group: nil)
        == ResolvedUser(uid: 7, gid: 8, additionalGids: [9]))
    #expect(try UserResolver.resolve(user: nil, groups: [], passwd: nil, group: nil) == ResolvedUser())
    #expect(
      failure { _ = try UserResolver.resolve(user: "root", groups: [], passwd: nil, group: nil) }.code
        == .invalidArgument)
  }

  @Test(arguments: [
    "4294967296", "4294967295", "2147483648", "-1", "99999999999999999999", "65536", "huge", "0:65536", "0:-1",
    "0:4294967296",
  ])
  func ATT044_numericLimits(user: String) {
    #expect(failure { _ = try resolve(user) }.code == .invalidArgument)
  }

  @Test func ATT044_aliasOfRootIsRootInsideOnly() throws {
    #expect(try resolve("toor") == ResolvedUser(uid: 0, gid: 0, home: "/root"))
    #expect(try resolve("0:0") == ResolvedUser(uid: 0, gid: 0, home: "/root"))
  }

  @Test func ATT044_supplementaryGroupsOfTheImageStayInTheRange() {
    let text = Array("x:x:70000:web\n".utf8)
    let failed = failure {
      _ = try UserResolver.resolve(user: "web", groups: [], passwd: Array(Self.passwd.utf8), group: text)
    }
    #expect(failed.code == .invalidArgument && failed.message.contains("outside the container's ids 0-65535"))
    #expect(failure { _ = try resolve("web", groups: ["big"]) }.code == .invalidArgument)
  }

  @Test func ATT044_filesAreBounded() {
    let large = [UInt8](repeating: UInt8(ascii: "a"), count: (1 << 20) + 1)
    let many = Array(String(repeating: "a:x:1:1::/:\n", count: 70_000).utf8)
    for bytes in [large, many] {
      #expect(
        failure { _ = try UserResolver.resolve(user: nil, groups: [], passwd: bytes, group: nil) }.code
          == .resourceExhausted)
      #expect(
        failure { _ = try UserResolver.resolve(user: nil, groups: [], passwd: nil, group: bytes) }.code
          == .resourceExhausted)
    }
  }
}
