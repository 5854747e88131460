import Glibc
import LinuxSystem
import Model

/// A family of addresses whose packets a host may pass on; the raw value is nft's word.
enum ForwardedFamily: String, Sendable, CaseIterable { case ipv4, ipv6 }

/// The host's switches for passing packets between its interfaces.
///
/// A host on which they were off passes nothing on for others once the engine has turned them on: its firewall closes
/// that (`FirewallRules.closed`). An administrator who wants a router turns them on before the engine starts.
enum Forwarding {
  private static let path = "/proc/sys/net/ipv4/ip_forward"
  /// Written where the engine has turned forwarding on, so that an administrator can tell.
  static let noteName = "ip_forward.enabled-by-us"

  private static let pathIPv6 = "/proc/sys/net/ipv6/conf/all/forwarding"
  static let noteNameIPv6 = "ipv6_forwarding.enabled-by-us"
  private static let devicesIPv6 = "/proc/sys/net/ipv6/conf"
  private static let maximumDevices = 65_536
  private static let bootPath = "/proc/sys/kernel/random/boot_id"

  /// The families that an engine of this state directory has turned on since the host was started.
  static func turnedOn(stateDirectory: String) -> Set<ForwardedFamily> {
    guard let boot = try? boot() else { return [] }
    return Set(
      ForwardedFamily.allCases.filter { family in
        let path = "\(stateDirectory)/\(family == .ipv4 ? noteName : noteNameIPv6)"
        let note = try? FileSystem.read(path, maxBytes: 1 << 20)
        return note.map { String(decoding: $0, as: UTF8.self).contains(boot) } ?? false
      })
  }

  /// Differs after each start of the host.
  private static func boot() throws -> String {
    String(decoding: try FileSystem.read(bootPath, maxBytes: 64), as: UTF8.self).filter { !$0.isWhitespace }
  }

  /// Turns `net.ipv4.ip_forward` on where it is off; returns whether it did.
  ///
  /// - Parameter stateDirectory: where the fact is noted.
  static func enable(stateDirectory: String) throws -> Bool {
    if try isOn(path) { return false }
    try note(noteName, "was 0\n", in: stateDirectory)
    try write("1\n", to: path)
    return true
  }

  /// Turns `net.ipv6.conf.all.forwarding` on where it is off; returns whether it did.
  ///
  /// A forwarding kernel forgets the routes that routers advertised to it, and learns no more, on every device whose
  /// `accept_ra` is 1. Those are set to 2 first, so that the host keeps the ways it has.
  static func enableIPv6(stateDirectory: String) throws -> Bool {
    guard FileSystem.exists(pathIPv6) else {
      throw PlatformError(.unavailable, "the host has no IPv6: its kernel was started or built without it")
    }
    if try isOn(pathIPv6) { return false }
    let listening = try FileSystem.list(devicesIPv6, maxEntries: maximumDevices).filter { name in
      // A device may go at any time.
      name != "all" && (try? isOn("\(devicesIPv6)/\(name)/accept_ra")) == true
    }
    try note(
      noteNameIPv6, "was 0; accept_ra was 1 and is 2 now: \(listening.sorted().joined(separator: " "))\n",
      in: stateDirectory)
    for name in listening {
      do {
        try write("2\n", to: "\(devicesIPv6)/\(name)/accept_ra")
      } catch let error as SystemError where error.errno == ENOENT {}
    }
    try write("1\n", to: pathIPv6)
    return true
  }

  private static func isOn(_ path: String) throws -> Bool {
    try FileSystem.read(path, maxBytes: 16).first == UInt8(ascii: "1")
  }

  private static func note(_ name: String, _ text: String, in directory: String) throws {
    try FileSystem.makeDirectories(directory, mode: 0o700)
    try FileSystem.atomicWrite("\(directory)/\(name)", Array("\(text)boot \(boot())\n".utf8), durable: false)
  }

  private static func write(_ text: String, to path: String) throws {
    let file = try Descriptor.open(path, flags: O_WRONLY)
    try file.write(all: Array(text.utf8))
  }
}
