import Glibc
import LinuxSystem

/// The name servers that the host uses, read anew when /etc/resolv.conf changes.
public final class HostResolvers: Sendable {
  private struct State {
    var checked: ContinuousClock.Instant?
    var stamp: Stamp?
    var servers: [SocketAddress] = []
  }

  /// What tells one version of the file from the next.
  private struct Stamp: Equatable {
    let inode: UInt64
    let size: Int64
    let seconds: Int
    let nanoseconds: Int
  }

  public static let port: UInt16 = 53
  /// Servers that are asked in turn.
  public static let maximumServers = 3
  public static let maximumFileBytes = 64 * 1_024
  /// How long the file is taken to be unchanged.
  private static let freshness = Duration.seconds(1)

  private let path: String
  private let state = Locked(State())

  public init(path: String = "/etc/resolv.conf") { self.path = path }

  /// The servers in order; the local one where the file names none, as resolv.conf(5) says.
  public func current() -> [SocketAddress] {
    state.withLock { state in
      let now = ContinuousClock.now
      if let checked = state.checked, checked.duration(to: now) < Self.freshness { return state.servers }
      state.checked = now
      let stamp = Self.stamp(path)
      if stamp == nil || stamp != state.stamp {
        let text = (try? FileSystem.read(path, maxBytes: Self.maximumFileBytes)) ?? []
        state.servers = Self.servers(in: String(decoding: text, as: UTF8.self))
        state.stamp = stamp
      }
      return state.servers
    }
  }

  public static func servers(in text: String) -> [SocketAddress] {
    let named = ResolvConf.nameservers(in: text).compactMap { SocketAddress($0, port: port) }
    return named.isEmpty ? [.ipv4(.loopback, port: port)] : Array(named.prefix(maximumServers))
  }

  private static func stamp(_ path: String) -> Stamp? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return Stamp(
      inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: status.st_mtim.tv_sec,
      nanoseconds: status.st_mtim.tv_nsec)
  }
}
