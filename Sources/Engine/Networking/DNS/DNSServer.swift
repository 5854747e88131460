import LinuxSystem
import Logging
import Model
import Synchronization

final class DNSServer: Sendable {
  init(poller: Poller, namespace: HostNamespace, logger: Logger) {}
  func shutDown() {}
}
