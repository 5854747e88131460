import LinuxSystem
import Model

/// Who asked for something, as the kernel tells of the other end of a socket (SO_PEERCRED, unix(7)).
public struct ClientIdentity: Codable, Sendable, Equatable {
  public var user: UInt32
  public var group: UInt32

  public init(user: UInt32, group: UInt32) {
    self.user = user
    self.group = group
  }
}

/// How the ids on disk below a bound path appear in a container, and whose files are made there (docs/adr/0005).
public enum BindOwnership: Equatable, Sendable {
  /// Bound without a map: the container's processes are there what they are on the host.
  case unmapped
  /// Ids are the same inside and outside, root included.
  case host
  /// Entries for the user namespace given to mount_setattr(2): `inside` is the id on disk, `outside` the host id that the
  /// container's processes have.
  case mapped(users: [IDMapEntry], groups: [IDMapEntry])

  /// What the rule depends on.
  public struct Situation: Sendable {
    public var terms: HostPathTerms
    /// User and group that own the bound path itself, on disk.
    public var owner: ClientIdentity
    /// Who had the container made; nil where that is not known.
    public var creator: ClientIdentity?
    /// User and group that the container's process runs as, by their ids inside.
    public var acting: ClientIdentity
    public var ids: IDRange
    /// The volumes' range: what everybody in the container is on disk who is nobody of the host's.
    public var others: IDRange

    public init(
      terms: HostPathTerms, owner: ClientIdentity, creator: ClientIdentity?, acting: ClientIdentity, ids: IDRange,
      others: IDRange
    ) {
      self.terms = terms
      self.owner = owner
      self.creator = creator
      self.acting = acting
      self.ids = ids
      self.others = others
    }

    /// Whether the container's user becomes the path's owner: its client has to be that owner, or the host's root, or the
    /// policy gives the path away by name. Everybody could else become any user whose folders are not denied.
    public var givesOwner: Bool {
      owner.user != 0 && (terms.namesOwnership || creator?.user == 0 || creator?.user == owner.user)
    }
  }

  public static func decide(_ situation: Situation) -> BindOwnership {
    let owner = situation.owner
    guard !situation.ids.isHost else { return .unmapped }
    switch situation.terms.ownership {
    case .none: return .unmapped
    case .host: return .host
    case .mapped: break
    }
    // A map would take write access to what root owns away even where everybody has it.
    if owner.user == 0 { return .unmapped }
    guard situation.givesOwner else {
      return .mapped(
        users: map(given: nil, held: owner.user, acting: 0, situation),
        groups: map(given: nil, held: owner.group, acting: 0, situation))
    }
    // A client that is not root gives its own group: the folder's may be one that it does not belong to.
    let isOwn = situation.creator?.user == owner.user && situation.creator?.user != 0 && !situation.terms.namesOwnership
    let group = isOwn ? situation.creator?.group : owner.group
    return .mapped(
      users: map(given: owner.user, held: nil, acting: situation.acting.user, situation),
      groups: map(given: group, held: owner.group, acting: situation.acting.group, situation))
  }

  /// - Parameters:
  ///   - given: the id on disk that `acting` inside stands for.
  ///   - held: an id on disk that nobody inside stands for, but that has to be there: the kernel lets nobody write a file
  ///     with an owner or a group that the map lacks, not even where its permissions do.
  private static func map(given: UInt32?, held: UInt32?, acting: UInt32, _ situation: Situation) -> [IDMapEntry] {
    let ids = situation.ids
    let others = situation.others
    // Root's own is never given, and the volumes' ids are everybody's already.
    let given = given.flatMap { $0 == 0 || others.inside($0) != nil || acting >= ids.count ? nil : $0 }
    var entries: [IDMapEntry] = []
    if let held, held != given, others.inside(held) == nil {
      // No process has an id of the volumes' range.
      entries.append(IDMapEntry(inside: held, outside: others.first, count: 1))
    }
    guard let given else {
      return entries + [IDMapEntry(inside: others.first, outside: ids.first, count: ids.count)]
    }
    entries.append(IDMapEntry(inside: given, outside: ids.first + acting, count: 1))
    if acting > 0 { entries.append(IDMapEntry(inside: others.first, outside: ids.first, count: acting)) }
    if acting + 1 < ids.count {
      entries.append(
        IDMapEntry(inside: others.first + acting + 1, outside: ids.first + acting + 1, count: ids.count - acting - 1))
    }
    return entries
  }
}
