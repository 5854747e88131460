import CLinuxShim
import Glibc

/// Gives up root's rights for good.
public enum UserChange {
  /// A user of this machine by name, with his first group; nil where there is none.
  public static func find(_ name: String) -> (user: UInt32, group: UInt32)? {
    getpwnam(name).map { ($0.pointee.pw_uid, $0.pointee.pw_gid) }
  }

  /// Goes on as the same program, with the same arguments, as another user: no further groups, no capabilities in any set,
  /// no_new_privs. The program is executed anew, so that no thread keeps what it had. Returns only by throwing.
  /// Sources: capabilities(7), prctl(2).
  public static func executeAgain(user: UInt32, group: UInt32, arguments: [String]) throws {
    try systemCall("setresuid", String(user)) { bh_become_user(user, group) }
    var pointers = arguments.map { strdup($0) }
    pointers.append(nil)
    defer { pointers.forEach { free($0) } }
    try systemCall("execv", "/proc/self/exe") { execv("/proc/self/exe", pointers) }
  }
}
