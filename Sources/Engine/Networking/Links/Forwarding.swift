import Glibc
import LinuxSystem
import Model

/// The host's switch for passing packets between its interfaces, `net.ipv4.ip_forward`.
enum Forwarding {
  private static let path = "/proc/sys/net/ipv4/ip_forward"
  /// Written where the engine has turned forwarding on, so that an administrator can tell.
  static let noteName = "ip_forward.enabled-by-us"

  /// Turns forwarding on where it is off; returns whether it did.
  ///
  /// - Parameter stateDirectory: where the fact is noted.
  static func enable(stateDirectory: String) throws -> Bool {
    let current = try FileSystem.read(path, maxBytes: 16)
    if current.first == UInt8(ascii: "1") { return false }
    try FileSystem.makeDirectories(stateDirectory, mode: 0o700)
    try FileSystem.atomicWrite("\(stateDirectory)/\(noteName)", Array("was 0\n".utf8), durable: false)
    let file = try Descriptor.open(path, flags: O_WRONLY)
    try file.write(all: Array("1\n".utf8))
    return true
  }
}
