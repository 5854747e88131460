import CLinuxShim

/// The ids that new files of a thread get.
public enum FileIdentity {
  /// Makes what the calling thread creates belong to these ids; its capabilities stay.
  ///
  /// For the threads of `NamespaceThread` only, which end with it. A mount with an id map refuses files of ids that it
  /// does not map (EOVERFLOW), those of root among them. Sources: setfsuid(2), capset(2).
  public static func assume(user: UInt32, group: UInt32) throws {
    try systemCall("setfsuid", "\(user):\(group)") { bh_assume_file_ids(user, group) }
  }
}
