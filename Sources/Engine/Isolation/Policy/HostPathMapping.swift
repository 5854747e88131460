import LinuxSystem
import Model

/// The id map of a bound host path: which ids on disk are which ids inside.
public enum HostPathMapping {
  /// Entries for the user namespace given to mount_setattr(2): `inside` is the id on disk, `outside` the host id that
  /// the container's processes have. nil: the path is bound without an id map.
  ///
  /// - Parameters:
  ///   - owner: the owner on disk (user or group) of the bound path itself.
  ///   - acting: the user or group the container's process runs as, by its id inside.
  ///   - substitute: the id on disk that stands for ids that must not be themselves, root above all; outside 0…65535.
  public static func entries(
    ownership: HostPathOwnership, owner: UInt32, acting: UInt32, ids: IDRange, substitute: UInt32
  ) -> [IDMapEntry]? {
    guard !ids.isHost else { return nil }
    switch ownership {
    case .none: return nil
    case .host: return [IDMapEntry(inside: 0, outside: ids.first, count: ids.count)]
    case .mapped: return mapped(owner: owner, acting: acting, ids: ids, substitute: substitute)
    }
  }

  private static func mapped(owner: UInt32, acting: UInt32, ids: IDRange, substitute: UInt32) -> [IDMapEntry] {
    // Root inside stands for the owner, so that what it makes belongs to whoever the folder belongs to. A container
    // that runs as another user keeps ids as they are: `--user 1000` in a folder of user 1000.
    let rootIsOwner = acting == 0 && owner != 0
    guard rootIsOwner else {
      return [
        IDMapEntry(inside: substitute, outside: ids.first, count: 1),
        IDMapEntry(inside: 1, outside: ids.first + 1, count: ids.count - 1),
      ]
    }
    var entries = [IDMapEntry(inside: owner, outside: ids.first, count: 1)]
    guard owner < ids.count else {
      entries.append(IDMapEntry(inside: 1, outside: ids.first + 1, count: ids.count - 1))
      return entries
    }
    // The owner's own id inside stays usable: what it makes belongs to the substitute.
    entries.append(IDMapEntry(inside: substitute, outside: ids.first + owner, count: 1))
    if owner > 1 { entries.append(IDMapEntry(inside: 1, outside: ids.first + 1, count: owner - 1)) }
    if owner + 1 < ids.count {
      entries.append(IDMapEntry(inside: owner + 1, outside: ids.first + owner + 1, count: ids.count - owner - 1))
    }
    return entries
  }
}
