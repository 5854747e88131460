import LinuxSystem
import Model
import OCITypes
import Testing

@testable import Isolation

/// Specifications run by the real runtimes.
@Suite(.enabled(if: LiveContainer.canRun), .serialized)
struct LiveSpecTests {
  @Test(arguments: ["/usr/bin/crun", "/usr/sbin/runc"])
  func rootInsideIsNobodyOutside(runtime: String) throws {
    guard FileSystem.exists(runtime) else { return }
    let container = try LiveContainer()
    defer { container.remove() }
    let result = try container.run(
      "id -u; cat /proc/self/uid_map /proc/self/gid_map; hostname; grep -E 'Cap(Eff|Bnd)|Seccomp:' /proc/self/status",
      runtime: runtime)
    #expect(result.code == 0, "\(result.text)")
    let words = result.text.split(whereSeparator: { " \n\t".contains($0) }).map(String.init)
    #expect(
      words == [
        "0", "0", "1500000000", "65536", "0", "1500000000", "65536", "compartment", "CapEff:", "00000000a80425fb",
        "CapBnd:", "00000000a80425fb", "Seccomp:", "2",
      ])
  }
}
