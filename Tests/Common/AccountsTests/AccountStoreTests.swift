import Glibc
import Model
import Persistence
import Synchronization
import Testing

@testable import Accounts

@Suite struct AccountStoreTests {
  private final class Clock: Sendable {
    let seconds = Atomic<Int64>(1_000)
  }

  private static let password = "correct horse battery"

  /// A store in a folder of its own.
  private final class Opened: Sendable {
    let clock = Clock()
    let database: Database
    let store: AccountStore
    private let folder: String

    init() throws {
      var template = Array("/tmp/accounts-XXXXXX".utf8CString)
      folder = try #require(mkdtemp(&template).map { String(cString: $0) })
      database = try Database(path: folder + "/db")
      store = try Self.open(database, clock)
    }

    static func open(_ database: Database, _ clock: Clock) throws -> AccountStore {
      try AccountStore(database: database, passwordRounds: 16) { clock.seconds.load(ordering: .relaxed) }
    }

    func close() {
      try? database.close()
      for name in ["db", "db-wal", "db-shm"] { unlink("\(folder)/\(name)") }
      rmdir(folder)
    }
  }

  private static func with(_ body: (AccountStore, () throws -> AccountStore, Clock) throws -> Void) throws {
    let opened = try Opened()
    defer { opened.close() }
    try body(opened.store, { try Opened.open(opened.database, opened.clock) }, opened.clock)
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

  @Test func whatWasChangedIsThereAfterARestart() throws {
    try Self.with { store, reopen, _ in
      try store.addUser(User(name: "ada", isAdministrator: true), password: Self.password)
      try store.addUser(User(name: "ben"), password: Self.password)
      try store.addProject(Project(name: "team"))
      try store.setMember("ben", of: "team", to: .developer)
      let again = try reopen()
      #expect(again.allUsers() == [User(name: "ada", isAdministrator: true), User(name: "ben")])
      #expect(again.allProjects() == [Project(name: "team", members: ["ben": .developer])])
      #expect(try again.authenticate(name: "ben", password: Self.password, from: nil).principal.name == "ben")
    }
  }

  @Test func wrongNamesAndPasswordsGetTheSameAnswer() throws {
    try Self.with { store, _, _ in
      try store.addUser(User(name: "ada"), password: Self.password)
      var messages: Set<String> = []
      for (name, password) in [("ada", "wrong"), ("eve", Self.password), ("", ""), ("ada", "")] {
        do {
          _ = try store.authenticate(name: name, password: password, from: "192.0.2.1")
          Issue.record("\(name) came in")
        } catch let error as PlatformError {
          #expect(error.code == .unauthenticated)
          messages.insert(error.message)
        }
      }
      #expect(messages.count == 1)
    }
  }

  @Test func manyWrongPasswordsBarANameForAWhileAndOnlyThere() throws {
    try Self.with { store, _, clock in
      try store.addUser(User(name: "ada"), password: Self.password)
      for _ in 0..<TryLimiter.maximumFailures {
        expect(.unauthenticated) { _ = try store.authenticate(name: "ada", password: "no", from: "192.0.2.1") }
      }
      expect(.resourceExhausted) { _ = try store.authenticate(name: "ada", password: Self.password, from: "192.0.2.1") }
      // Strangers bar nobody who comes from elsewhere; what he did says nothing about them.
      #expect(try store.authenticate(name: "ada", password: Self.password, from: "192.0.2.2").principal.name == "ada")
      try store.setPassword(of: "ada", to: Self.password + "2")
      try store.setPassword(of: "ada", to: Self.password)
      expect(.resourceExhausted) { _ = try store.authenticate(name: "ada", password: Self.password, from: "192.0.2.1") }
      clock.seconds.add(TryLimiter.windowSeconds, ordering: .relaxed)
      #expect(try store.authenticate(name: "ada", password: Self.password, from: "192.0.2.1").principal.name == "ada")
    }
  }

  @Test func credentialsAreRememberedUntilTheyChange() throws {
    try Self.with { store, _, clock in
      try store.addUser(User(name: "ada"), password: Self.password)
      #expect(store.recall(name: "ada", password: Self.password, from: nil) == nil)
      _ = try store.authenticate(name: "ada", password: Self.password, from: "192.0.2.1")
      #expect(store.recall(name: "ada", password: Self.password, from: nil)?.principal.name == "ada")
      #expect(store.recall(name: "ada", password: "other", from: nil) == nil)
      // As long as they are in use they stay known.
      for _ in 0..<3 {
        clock.seconds.add(CredentialMemory.idleSeconds - 1, ordering: .relaxed)
        #expect(store.recall(name: "ada", password: Self.password, from: nil) != nil)
      }
      clock.seconds.add(CredentialMemory.idleSeconds, ordering: .relaxed)
      #expect(store.recall(name: "ada", password: Self.password, from: nil) == nil)
      _ = try store.authenticate(name: "ada", password: Self.password, from: "192.0.2.1")
      try store.setPassword(of: "ada", to: "another long password")
      #expect(store.recall(name: "ada", password: Self.password, from: nil) == nil)
      expect(.unauthenticated) { _ = try store.authenticate(name: "ada", password: Self.password, from: "192.0.2.1") }
      _ = try store.authenticate(name: "ada", password: "another long password", from: "192.0.2.1")
      try store.removeUser("ada")
      #expect(store.recall(name: "ada", password: "another long password", from: nil) == nil)
    }
  }

  /// A hundred jobs of one account that begin at once are one sign-in, not too many.
  @Test(arguments: [(password, 100, 1), ("another password", 0, 0)])
  func signInsWithTheSameCredentialsShareOneLookAtThem(tried: String, count: Int, fresh: Int) async throws {
    let fixture = try Opened()
    defer { fixture.close() }
    let store = fixture.store
    try store.addUser(User(name: "ada"), password: Self.password)
    let signedIn = await withTaskGroup(of: SignIn?.self) { group in
      for _ in 0..<100 {
        group.addTask { try? await store.signIn(name: "ada", password: tried, from: "192.0.2.1") }
      }
      return await group.reduce(into: [SignIn]()) { all, one in one.map { all.append($0) } }
    }
    #expect(signedIn.count == count && signedIn.count(where: \.isFresh) == fresh)
  }

  @Test func rightsEndWithTheMembershipAndDoNotPassToANamesake() throws {
    try Self.with { store, _, _ in
      try store.addUser(User(name: "ben"), password: Self.password)
      let ben = try store.authenticate(name: "ben", password: Self.password, from: nil).principal
      try store.addProject(Project(name: "team"))
      try store.addProject(Project(name: "open", isPublic: true))
      try store.setMember("ben", of: "team", to: .maintainer)
      #expect(store.allows(ben, .delete, in: "team") && !store.allows(ben, .manageMembers, in: "team"))
      #expect(!store.allows(ben, .push, in: "open") && store.allows(.anonymous, .pull, in: "open"))
      #expect(!store.allows(.anonymous, .pull, in: "team") && !store.allows(ben, .pull, in: "missing"))
      #expect(store.allows(.localAdministrator, .manageProject, in: "team"))
      try store.removeUser("ben")
      try store.addUser(User(name: "ben"), password: Self.password)
      #expect(!store.allows(ben, .pull, in: "team"))
    }
  }

  @Test(arguments: ["", "A", "a b", "-a", "a-", "a..b", "a/b", "ä", "a\u{0}", String(repeating: "a", count: 64)])
  func badNamesAreRefused(name: String) throws {
    try Self.with { store, _, _ in
      expect(.invalidArgument) { try store.addUser(User(name: name), password: Self.password) }
      expect(.invalidArgument) { try store.addProject(Project(name: name)) }
    }
  }

  @Test func otherMistakesAreNamed() throws {
    try Self.with { store, _, _ in
      expect(.invalidArgument) { try store.addUser(User(name: "ada"), password: "short") }
      try store.addUser(User(name: "ada"), password: Self.password)
      try store.addProject(Project(name: "team"))
      expect(.conflict) { try store.addUser(User(name: "ada"), password: Self.password) }
      expect(.conflict) { try store.addProject(Project(name: "team")) }
      expect(.notFound) { try store.setMember("eve", of: "team", to: .guest) }
      expect(.notFound) { try store.setMember("ada", of: "none", to: .guest) }
      expect(.notFound) { try store.removeUser("eve") }
      expect(.notFound) { try store.removeProject("none") {} }
      expect(.notFound) { _ = try store.project("none") }
    }
  }
}
