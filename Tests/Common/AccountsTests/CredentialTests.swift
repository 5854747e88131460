import Glibc
import Model
import Persistence
import Synchronization
import Testing

@testable import Accounts

/// Access tokens, robots and tokens of the token service.
@Suite struct CredentialTests {
  private static let password = "correct horse battery"

  private final class Clock: Sendable {
    let seconds = Atomic<Int64>(1_000_000)
  }

  private struct Fixture {
    let store: AccountStore
    let reopen: () throws -> AccountStore
    let pass: (Int64) -> Void
  }

  private static func with(_ body: (Fixture) throws -> Void) throws {
    var template = Array("/tmp/accounts-XXXXXX".utf8CString)
    let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer {
      for name in ["db", "db-wal", "db-shm"] { unlink("\(folder)/\(name)") }
      rmdir(folder)
    }
    let clock = Clock()
    let database = try Database(path: folder + "/db")
    let open = { try AccountStore(database: database, passwordRounds: 16) { clock.seconds.load(ordering: .relaxed) } }
    let store = try open()
    try store.addUser(User(name: "ada"), password: password)
    try store.addUser(User(name: "root", isAdministrator: true), password: password)
    try store.addProject(Project(name: "team"))
    try store.addProject(Project(name: "other"))
    try store.setMember("ada", of: "team", to: .maintainer)
    try body(Fixture(store: store, reopen: open, pass: { clock.seconds.add($0, ordering: .relaxed) }))
    try database.close()
  }

  private func expect(_ code: PlatformError.Code, _ body: () throws -> Void) {
    do {
      try body()
      Issue.record("nothing was refused; \(code) was expected")
    } catch let error as PlatformError {
      #expect(error.code == code)
    } catch {
      Issue.record("\(error)")
    }
  }

  private static func allowed(_ store: AccountStore, _ principal: Principal) -> [Role.Action] {
    Role.Action.allCases.filter { store.allows(principal, $0, in: "team", repository: "team/app") }
  }

  private static let scopes: [(TokenScope, String, [Role.Action])] = [
    (.read, "ada", [.pull]), (.write, "ada", [.pull, .push]), (.all, "ada", [.pull, .push, .delete]),
    (.read, "root", [.pull]), (.write, "root", [.pull, .push]), (.all, "root", Role.Action.allCases),
  ]

  @Test(arguments: scopes)
  func aTokenMayWhatItsScopeAndItsUserMay(scope: TokenScope, user: String, actions: [Role.Action]) throws {
    try Self.with { fixture in
      let store = fixture.store
      let made = try store.addToken("ci", of: user, scope: scope, expiresInDays: nil)
      #expect(made.secret.hasPrefix("bht_") && made.secret.utf8.count == 68)
      let principal = try store.authenticate(name: "whoever", password: made.secret, from: "192.0.2.1").principal
      #expect(principal == .token(id: made.token.id, user: user))
      #expect(Self.allowed(store, principal) == actions)
      #expect(store.isAdministrator(principal) == (user == "root" && scope == .all))
      // It is there after a restart, and so is its end.
      let again = try fixture.reopen()
      #expect(again.recall(name: "", password: made.secret, from: nil)?.principal == principal)
      try again.removeUser(user)
      #expect(again.recall(name: "", password: made.secret, from: nil) == nil)
      #expect(!again.allows(principal, .pull, in: "team"))
    }
  }

  @Test func aTokenNeverHasMoreRightsThanItsUserNow() throws {
    try Self.with { fixture in
      let store = fixture.store
      let made = try store.addToken("ci", of: "ada", scope: .all, expiresInDays: nil)
      let principal = try store.authenticate(name: "ada", password: made.secret, from: nil).principal
      try store.setMember("ada", of: "team", to: .guest)
      #expect(Self.allowed(store, principal) == [.pull])
      try store.setMember("ada", of: "team", to: nil)
      #expect(Self.allowed(store, principal) == [])
      // A namesake gets nothing of it.
      try store.removeUser("ada")
      try store.addUser(User(name: "ada", isAdministrator: true), password: Self.password)
      #expect(Self.allowed(store, principal) == [] && !store.isAdministrator(principal))
      expect(.unauthenticated) { _ = try store.authenticate(name: "ada", password: made.secret, from: nil) }
    }
  }

  @Test func tokensEnd() throws {
    try Self.with { fixture in
      let store = fixture.store
      let made = try store.addToken("ci", of: "ada", scope: .all, expiresInDays: 1)
      let principal = try store.authenticate(name: "ada", password: made.secret, from: nil).principal
      _ = try store.setTokenDisabled(made.token.id, true)
      #expect(
        store.recall(name: "ada", password: made.secret, from: nil) == nil && Self.allowed(store, principal) == [])
      _ = try store.setTokenDisabled(made.token.id, false)
      #expect(store.recall(name: "ada", password: made.secret, from: nil) != nil)
      fixture.pass(86_399)
      #expect(store.recall(name: "ada", password: made.secret, from: nil) != nil)
      fixture.pass(1)
      #expect(
        store.recall(name: "ada", password: made.secret, from: nil) == nil && Self.allowed(store, principal) == [])
      let other = try store.addToken("other", of: "ada", scope: .all, expiresInDays: nil)
      try store.removeToken(other.token.id)
      #expect(store.recall(name: "ada", password: other.secret, from: nil) == nil)
    }
  }

  @Test func aRobotMayWhatItWasMadeForInItsProject() throws {
    try Self.with { fixture in
      let store = fixture.store
      let made = try store.addRobot(
        "ci", in: "team", actions: [.push, .pull], repositories: "team/app*", expiresInDays: 90)
      #expect(made.robot.login.description == "robot$team+ci" && made.secret.hasPrefix("bhr_"))
      let principal = try store.authenticate(name: "robot$team+ci", password: made.secret, from: nil).principal
      let table: [(String, String?, [Role.Action])] = [
        ("team", "team/app", [.pull, .push]), ("team", "team/apps/x", [.pull, .push]), ("team", "team/web", []),
        ("team", nil, []), ("other", "other/app", []), ("other", "team/app", []), ("none", "none/app", []),
      ]
      for (project, repository, actions) in table {
        #expect(
          Role.Action.allCases.filter { store.allows(principal, $0, in: project, repository: repository) } == actions)
      }
      for name in ["robot$team+other", "robot$other+ci", "ci", "ada", ""] {
        expect(.unauthenticated) { _ = try store.authenticate(name: name, password: made.secret, from: nil) }
      }
      let renewed = try store.renewRobot(made.robot.login)
      #expect(Self.allowed(store, principal) == [])
      expect(.unauthenticated) { _ = try store.authenticate(name: "robot$team+ci", password: made.secret, from: nil) }
      let now = try store.authenticate(name: "robot$team+ci", password: renewed.secret, from: nil).principal
      _ = try store.setRobotDisabled(made.robot.login, true)
      #expect(!store.isValid(now))
      _ = try store.setRobotDisabled(made.robot.login, false)
      #expect(store.isValid(now))
      fixture.pass(90 * 86_400)
      #expect(!store.isValid(now))
    }
  }

  @Test func mistakesAreNamed() throws {
    try Self.with { fixture in
      let store = fixture.store
      let cases: [(PlatformError.Code, () throws -> Void)] = [
        (.invalidArgument, { _ = try store.addToken("A", of: "ada", scope: .all, expiresInDays: nil) }),
        (.invalidArgument, { _ = try store.addToken("a", of: "ada", scope: .all, expiresInDays: 0) }),
        (.invalidArgument, { _ = try store.addToken("a", of: "ada", scope: .all, expiresInDays: 3_651) }),
        (.notFound, { _ = try store.addToken("a", of: "eve", scope: .all, expiresInDays: nil) }),
        (.notFound, { try store.removeToken("none") }),
        (.invalidArgument, { _ = try Self.robot(store, actions: []) }),
        (.invalidArgument, { _ = try Self.robot(store, actions: [.manageMembers]) }),
        (.invalidArgument, { _ = try Self.robot(store, actions: [.push]) }),
        (.invalidArgument, { _ = try Self.robot(store, actions: [.delete, .push]) }),
        (.invalidArgument, { _ = try Self.robot(store, pattern: "app*") }),
        (.invalidArgument, { _ = try Self.robot(store, pattern: "team/a b") }),
        (.invalidArgument, { _ = try Self.robot(store, pattern: "team") }),
        (.notFound, { _ = try Self.robot(store, project: "none") }),
        (.notFound, { _ = try store.robots(of: "none") }),
        (.notFound, { try store.removeRobot(RobotName(project: "team", name: "none")) }),
        (.invalidArgument, { try store.addUser(User(name: "eve"), password: "bht_0123456789abcdef") }),
      ]
      for (code, body) in cases { expect(code, body) }
      for pattern in ["*", "te*", "team/*", "team/app", "?eam/app"] { _ = try Self.robot(store, pattern: pattern) }
    }
  }

  private static func robot(
    _ store: AccountStore, project: String = "team", actions: [Role.Action] = [.pull], pattern: String = "*"
  ) throws -> String {
    let name = "r\(UInt64.random(in: 0 ... .max))"
    return try store.addRobot(name, in: project, actions: actions, repositories: pattern, expiresInDays: 1).secret
  }

  @Test func theLastUseIsWrittenDown() throws {
    try Self.with { fixture in
      let made = try fixture.store.addToken("ci", of: "ada", scope: .all, expiresInDays: nil)
      #expect(try fixture.store.tokens(of: "ada").map(\.lastUsedAt) == [nil])
      #expect { try fixture.store.tokens(of: "nobody") } throws: { ($0 as? PlatformError)?.code == .notFound }
      #expect(try fixture.store.authenticate(name: "", password: made.secret, from: "192.0.2.1").isFresh)
      #expect(try !fixture.store.authenticate(name: "", password: made.secret, from: "192.0.2.1").isFresh)
      #expect(try fixture.store.authenticate(name: "", password: made.secret, from: "192.0.2.2").isFresh)
      try fixture.store.writeUses()
      #expect(try fixture.reopen().tokens(of: nil).map(\.lastUsedAt) == [1_000_000])
    }
  }

  @Test func aRemovalThatWasCutOffIsEnded() throws {
    struct Cut: Error {}
    try Self.with { fixture in
      let store = fixture.store
      let robot = try store.addRobot("ci", in: "team", actions: [.pull], repositories: nil, expiresInDays: 1)
      let root = try store.authenticate(name: "root", password: Self.password, from: nil).principal
      try store.removeProject("other") {
        #expect(!store.allows(root, .push, in: "other"))
        expect(.notFound) { _ = try store.project("other") }
        // As after a crash at this place.
        let (gone, kept) = try fixture.reopen().finishRemovals { #expect($0 == "other") }
        #expect(gone == ["other"] && kept == [])
      }
      #expect(try fixture.reopen().allProjects().map(\.name) == ["team"])
      // What still holds something stays, with all that belongs to it.
      #expect(throws: Cut.self) { try store.removeProject("team") { throw Cut() } }
      #expect(store.allows(root, .push, in: "team"))
      #expect(store.recall(name: "robot$team+ci", password: robot.secret, from: nil) != nil)
      try store.removeProject("team") {}
      #expect(store.recall(name: "robot$team+ci", password: robot.secret, from: nil) == nil)
      try store.addProject(Project(name: "team"))
      #expect(try store.robots(of: "team") == [])
    }
  }

  @Test func `ATT-024 tokens of the registry that were changed, are over, or are for others are refused`() throws {
    try Self.with { fixture in
      let store = fixture.store
      var claims = BearerTokens.Claims(
        try store.authenticate(name: "ada", password: Self.password, from: nil).principal)
      claims.actions = ["team/app": [.pull]]
      let token = try store.bearers.issue(claims)
      #expect(store.bearers.read(token) == claims)
      var wrong = [
        "", "x", "e30.e30.", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.AAAA",
        String(repeating: "A", count: 44), String(repeating: "A", count: 1 << 20),
      ]
      // A change at any place.
      for index in token.indices where token[index] != "=" {
        var changed = token
        changed.replaceSubrange(index...index, with: token[index] == "A" ? "B" : "A")
        wrong.append(changed)
      }
      // Another key, another service.
      let elsewhere = BearerTokens(audience: AccountStore.service) { 1_000_000 }
      wrong.append(try elsewhere.issue(claims))
      for text in wrong { #expect(store.bearers.read(text) == nil) }
      fixture.pass(BearerTokens.lifeSeconds - 1)
      #expect(store.bearers.read(token) != nil)
      fixture.pass(1)
      #expect(store.bearers.read(token) == nil)
    }
  }

  @Test func accountsThatChangedMakeTheirTokensInvalid() throws {
    try Self.with { fixture in
      let store = fixture.store
      let user = try store.authenticate(name: "ada", password: Self.password, from: nil).principal
      let robot = try store.addRobot("ci", in: "team", actions: [.pull], repositories: nil, expiresInDays: 1)
      let program = try store.authenticate(name: "robot$team+ci", password: robot.secret, from: nil).principal
      for principal in [user, program, .anonymous] {
        let token = try store.bearers.issue(BearerTokens.Claims(principal))
        #expect(store.bearers.read(token)?.principal == principal)
        #expect(store.isValid(principal))
      }
      expect(.invalidArgument) { _ = try store.bearers.issue(BearerTokens.Claims(.localAdministrator)) }
      try store.setPassword(of: "ada", to: "another long password")
      #expect(!store.isValid(user))
      try store.removeProject("team") {}
      #expect(!store.isValid(program))
    }
  }
}
