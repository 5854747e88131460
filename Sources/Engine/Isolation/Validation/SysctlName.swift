import Model

/// Which kernel settings belong to a namespace, so that a container may have values of its own. Sources:
/// ipc_namespaces(7), network_namespaces(7), uts_namespaces(7).
enum SysctlName {
  enum Namespace: Sendable { case ipc, network }

  private static let ipcNames: Set<String> = [
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
    "kernel.shm_rmid_forced",
  ]

  /// nil: a setting of the whole host, or no name of a setting.
  static func namespace(of name: String) -> Namespace? {
    // A slash or an empty part would lead the runtime to another file of /proc/sys.
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard name.utf8.count <= 256, parts.count >= 2, parts.allSatisfy({ !$0.isEmpty }),
      name.utf8.allSatisfy({ byte in
        byte >= 48 && byte <= 57 || byte >= 65 && byte <= 90 || byte >= 97 && byte <= 122 || ".-_@:".utf8.contains(byte)
      })
    else { return nil }
    if ipcNames.contains(name) || name.hasPrefix("fs.mqueue.") { return .ipc }
    return name.hasPrefix("net.") ? .network : nil
  }
}
