import Model
import OCITypes
import Testing

@testable import Isolation

@Suite struct CapabilityTests {
  @Test func numbersAreTheKernels() {
    #expect(
      Capability.chown.number == 0 && Capability.sysAdmin.number == 21 && Capability.checkpointRestore.number == 40)
    #expect(Capability.allCases.count == 41)
    let mask = Capability.standard.reduce(UInt64(0)) { $0 | 1 << UInt64($1.number) }
    #expect(mask == 0xA804_25FB)
  }

  @Test(
    arguments: [
      ([], [], Capability.standard),
      (["NET_ADMIN"], ["CHOWN"], Capability.standard.union([.netAdmin]).subtracting([.chown])),
      (["cap_net_admin"], [], Capability.standard.union([.netAdmin])),
      ([], ["ALL"], []),
      (["KILL"], ["all"], [.kill]),
      (["ALL"], ["SYS_ADMIN"], Capability.addableByDefault.union(Capability.standard).subtracting([.sysAdmin])),
      (["CAP_ALL"], ["CAP_ALL"], Capability.addableByDefault.union(Capability.standard)),
      (["CHOWN"], ["CHOWN"], Capability.standard),
    ] as [([String], [String], Set<Capability>)])
  func addAndDrop(add: [String], drop: [String], expected: Set<Capability>) throws {
    let request = try CapabilityRequest(adding: add, dropping: drop)
    #expect(request.capabilities(permitted: Capability.addableByDefault) == expected)
  }

  @Test func unknownNames() {
    #expect(
      failure { _ = try CapabilityRequest(adding: ["FLY"], dropping: []) }
        == (.invalidArgument, "invalid CapAdd: unknown capability: \"CAP_FLY\""))
    #expect(
      failure { _ = try CapabilityRequest(adding: [], dropping: ["CAP_"]) }
        == (.invalidArgument, "invalid CapDrop: unknown capability: \"CAP_\""))
    #expect(
      failure { _ = try CapabilityRequest(adding: Array(repeating: "KILL", count: 129), dropping: []) }.code
        == .invalidArgument)
  }

  /// ATT-043: who is not root holds nothing, and nothing passes on by execve but through the bound.
  @Test func ATT043_onlyRootHoldsCapabilities() {
    let root = ProcessSpec.Capabilities([.kill, .chown], uid: 0)
    #expect(
      root.effective == ["CAP_CHOWN", "CAP_KILL"] && root.permitted == root.effective && root.bounding == root.effective
    )
    let other = ProcessSpec.Capabilities([.kill, .chown], uid: 33)
    #expect(other.effective.isEmpty && other.permitted.isEmpty && other.bounding == root.bounding)
    for set in [root, other] { #expect(set.inheritable.isEmpty && set.ambient.isEmpty) }
  }
}

@Suite struct HostProfileTests {
  @Test func readsTheKernelsFiles() {
    #expect(HostProfile.memoryBytes("MemFree: 1 kB\nMemTotal:       24684092 kB\n") == 24_684_092 * 1024)
    #expect(HostProfile.memoryBytes("") == 0)
    let found = HostProfile.capabilities(status: "Name:\tx\nCapBnd:\t000001fffeffffff\n")
    #expect(found == Set(Capability.allCases).subtracting([.sysResource]))
    #expect(HostProfile.capabilities(status: "CapBnd:\tx\n") == [])
  }

  @Test func thisMachineHasWhatItNeeds() throws {
    let host = try HostProfile.collect()
    #expect(host.memoryBytes > 0 && !host.processors.isEmpty && host.memoryNodes.contains(0))
    #expect(!host.architecture.isEmpty)
  }
}
