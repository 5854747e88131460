import HTTPServing
import LinuxSystem
import PodStreams

/// A stream of the runtime, by the address that it gave: `http+unix://SOCKET/PATH`, the socket's path percent-encoded.
struct RuntimeStream {
  private static let scheme = "http+unix://"

  let socket: String
  let target: String

  /// Nil for an address of another form.
  init?(_ address: String) {
    guard address.hasPrefix(Self.scheme) else { return nil }
    let rest = address.dropFirst(Self.scheme.count)
    guard let slash = rest.firstIndex(of: "/"),
      let socket = PercentCoding.decode(rest[..<slash].utf8, plusIsSpace: false), socket.hasPrefix("/")
    else { return nil }
    self.socket = socket
    target = String(rest[slash...])
  }

  /// What is asked for there; an address for ports is told which.
  func target(for wish: StreamWish) -> String {
    if case .port(let port, _) = wish { "\(target)?port=\(port)" } else { target }
  }
}
