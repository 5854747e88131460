import Glibc
import LinuxSystem
import Model

// Name service of containers.
extension NetworkStack {
  /// Opens 127.0.0.11:53 in a container's namespace, whose loopback device must be up, and serves it.
  ///
  /// The open sockets keep the namespace alive: call `stopDNS` when the container has ended.
  /// - Parameters:
  ///   - endpoints: the container's, as for `updateNames`.
  ///   - servers: where other names are looked up, from the host's namespace; the host's own servers where empty.
  /// - Throws: `invalidArgument` for a bad server, `conflict` when something in the container has the port.
  public func startDNS(
    container: ContainerID, netns: Descriptor, endpoints: [EndpointRecord], servers: [String] = []
  ) throws {
    updateNames(container: container, endpoints: endpoints)
    do {
      try dns.start(container: container, netns: netns, servers: servers)
    } catch let error as SystemError {
      throw PlatformError(
        error.errno == EADDRINUSE ? .conflict : .internal,
        "failed to open the name service of container \(container.short): \(SystemError.message(for: error.errno))",
        cause: error)
    }
  }

  /// Ends a container's name service and forgets its names; it need not have any.
  public func stopDNS(container: ContainerID) {
    dns.stop(container: container)
    dns.directory.update(container: container, endpoints: [])
  }

  /// Replaces the names and networks of a container, after connect, disconnect or rename.
  ///
  /// A container without name service of its own is found by others too.
  public func updateNames(container: ContainerID, endpoints: [EndpointRecord]) {
    dns.directory.update(container: container, endpoints: endpoints)
  }
}
