import Glibc

/// New network namespaces.
public enum NetworkNamespace {
  /// A network namespace with nothing but a loopback link that is down. It lives as long as the descriptor or a pin.
  public static func create() throws -> Descriptor {
    try NamespaceThread.run(unsharing: .network) { try Namespace.current(.net) }
  }
}
