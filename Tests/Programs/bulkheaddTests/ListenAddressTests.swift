import Glibc
import LinuxSystem
import Model
import Testing

@testable import bulkheadd

@Suite struct ListenAddressTests {
  @Test(
    arguments: [
      (
        EACCES, 443,
        "listen on a higher one, such as 5443, and let the firewall redirect port 443 to it, or allow it to every program "
          + "with 'sysctl net.ipv4.ip_unprivileged_port_start=443'"
      ),
      (EADDRINUSE, 5443, "no; another program listens there: 'ss -ltnp sport = :5443' names it"),
      (EADDRNOTAVAIL, 5443, "no; this machine has no such address"),
    ])
  func `an address that is refused is told with what to do`(code: Int32, port: Int, advice: String) async {
    let address = ListenAddress(host: "192.0.2.1", port: port)
    await #expect {
      try await address.explained { _ in
        throw PlatformError(.unavailable, "no", cause: SystemError(errno: code, operation: "bind"))
      }
    } throws: { error in
      (error as? PlatformError)?.code == .unavailable && (error as? PlatformError)?.message.contains(advice) == true
    }
  }

  @Test func `other failures are told as they are`() async {
    let address = ListenAddress(host: "192.0.2.1", port: 80)
    await #expect {
      try await address.explained { _ in
        throw PlatformError(.unavailable, "no", cause: SystemError(errno: ENOBUFS, operation: "bind"))
      }
    } throws: { ($0 as? PlatformError)?.message == "no" }
  }
}
