import LinuxSystem
import Model
import Testing

@testable import Isolation

@Suite struct BindOwnershipTests {
  private static let ids = IDRange(first: 0x7001_0000)
  private static let others = IDRange(first: 0x7000_0000)
  private static let root = ClientIdentity(user: 0, group: 0)
  private static let alice = ClientIdentity(user: 1000, group: 1000)

  private static func situation(
    _ owner: ClientIdentity, by creator: ClientIdentity?, as acting: ClientIdentity = root,
    _ ownership: HostPathOwnership = .mapped, named: Bool = false, ids: IDRange = ids
  ) -> BindOwnership.Situation {
    BindOwnership.Situation(
      terms: HostPathTerms(ownership: ownership, namesOwnership: named), owner: owner, creator: creator, acting: acting,
      ids: ids, others: others)
  }

  /// What an id inside is on disk; nil for one that has none.
  private static func onDisk(_ inside: UInt32, _ entries: [IDMapEntry]) -> UInt32? {
    let host = ids.first + inside
    return entries.first { host >= $0.outside && host - $0.outside < $0.count }.map { $0.inside + (host - $0.outside) }
  }

  private static func maps(_ situation: BindOwnership.Situation) throws -> (users: [IDMapEntry], groups: [IDMapEntry]) {
    guard case .mapped(let users, let groups) = BindOwnership.decide(situation) else {
      throw PlatformError(.internal, "not mapped")
    }
    return (users, groups)
  }

  @Test func theOwnersOwnContainerActsAsTheOwner() throws {
    let maps = try Self.maps(Self.situation(Self.alice, by: Self.alice))
    #expect(Self.onDisk(0, maps.users) == 1000 && Self.onDisk(0, maps.groups) == 1000)
    #expect(Self.onDisk(5, maps.users) == Self.others.first + 5)
  }

  @Test func anotherUsersContainerActsAsNobody() throws {
    for creator in [ClientIdentity(user: 1001, group: 1000), nil] {
      let maps = try Self.maps(Self.situation(Self.alice, by: creator))
      for entries in [maps.users, maps.groups] {
        #expect(Self.onDisk(0, entries) == Self.others.first)
        // Alice's ids are there, for files that everybody may write, and nobody's inside.
        #expect(entries.contains { $0.inside == 1000 && Self.ids.inside($0.outside) == nil })
      }
    }
  }

  @Test func rootAndThePolicyGiveTheOwnerAway() throws {
    for situation in [
      Self.situation(Self.alice, by: Self.root),
      Self.situation(Self.alice, by: ClientIdentity(user: 1001, group: 1001), named: true),
      Self.situation(Self.alice, by: nil, named: true),
    ] {
      let maps = try Self.maps(situation)
      #expect(Self.onDisk(0, maps.users) == 1000 && Self.onDisk(0, maps.groups) == 1000)
    }
  }

  /// A folder's group may be one that its owner does not belong to.
  @Test(arguments: [0, 4, 27] as [UInt32])
  func aForeignGroupIsNotGiven(group: UInt32) throws {
    let maps = try Self.maps(Self.situation(ClientIdentity(user: 1000, group: group), by: Self.alice))
    #expect(Self.onDisk(0, maps.groups) == 1000)
    #expect(maps.groups.contains { $0.inside == group && Self.ids.inside($0.outside) == nil })
    // Nor is the group of root's, whoever says so.
    let byRoot = try Self.maps(Self.situation(ClientIdentity(user: 1000, group: 0), by: Self.root))
    #expect(Self.onDisk(0, byRoot.groups) == Self.others.first && byRoot.groups.contains { $0.inside == 0 })
  }

  @Test func rootsFoldersAreBoundAsTheyAre() {
    for creator in [Self.root, Self.alice, nil] {
      for named in [false, true] {
        #expect(BindOwnership.decide(Self.situation(Self.root, by: creator, named: named)) == .unmapped)
      }
    }
    #expect(BindOwnership.decide(Self.situation(Self.root, by: Self.alice, .host)) == .host)
    #expect(BindOwnership.decide(Self.situation(Self.alice, by: Self.alice, .none)) == .unmapped)
    #expect(BindOwnership.decide(Self.situation(Self.alice, by: Self.alice, ids: .host)) == .unmapped)
  }

  @Test func theVolumesOwnIdsStay() throws {
    let owner = ClientIdentity(user: Self.others.first + 7, group: Self.others.first)
    for creator in [Self.root, Self.alice] {
      let maps = try Self.maps(Self.situation(owner, by: creator))
      #expect(Self.onDisk(7, maps.users) == owner.user && Self.onDisk(0, maps.groups) == owner.group)
    }
  }

  /// Whatever the map, nobody inside acts as the host's root, and each id has one place on either side.
  @Test(
    arguments: [1, 999, 1000, 65_535, 65_536, 0x7000_0005, 0x7001_0000] as [UInt32], [0, 1, 1000, 65_535] as [UInt32])
  func mapsAreWhole(owner: UInt32, acting: UInt32) throws {
    let owner = ClientIdentity(user: owner, group: owner)
    for creator in [Self.root, Self.alice, owner, nil] {
      let maps = try Self.maps(
        Self.situation(owner, by: creator, as: ClientIdentity(user: acting, group: acting)))
      for entries in [maps.users, maps.groups] {
        for inside in [0, 1, 1000, 65_535] as [UInt32] { #expect(Self.onDisk(inside, entries) ?? 0 != 0) }
        #expect(entries.reduce(0) { Self.ids.inside($1.outside) == nil ? $0 : $0 + $1.count } == 65_536)
        for pair in [entries.map { ($0.inside, $0.count) }, entries.map { ($0.outside, $0.count) }] {
          let sorted = pair.sorted { $0.0 < $1.0 }
          for (left, right) in zip(sorted, sorted.dropFirst()) { #expect(left.0 + left.1 <= right.0) }
        }
      }
    }
  }
}
