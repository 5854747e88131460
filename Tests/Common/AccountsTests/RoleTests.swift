import Testing

@testable import Accounts

@Suite struct RoleTests {
  /// Every role and every action, once.
  static let table: [(Role, [Role.Action])] = [
    (.guest, [.pull]),
    (.developer, [.pull, .push]),
    (.maintainer, [.pull, .push, .delete]),
    (.admin, [.pull, .push, .delete, .manageMembers, .manageProject]),
  ]

  @Test func eachRoleMayWhatTheTableSaysAndNoMore() {
    #expect(Self.table.map(\.0) == Role.allCases)
    for (role, allowed) in Self.table {
      for action in Role.Action.allCases {
        #expect(role.may(action) == allowed.contains(action), "\(role) \(action)")
      }
    }
  }
}
