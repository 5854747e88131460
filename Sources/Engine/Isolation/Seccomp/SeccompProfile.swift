import LinuxSystem
import Model
import OCITypes

/// What a profile's rules may depend on.
public struct SeccompTerms: Sendable {
  public var capabilities: Set<Capability>
  /// `x86_64` or `aarch64`.
  public var architecture: String
  public var kernel: KernelVersion
  public init(capabilities: Set<Capability>, architecture: String, kernel: KernelVersion) {
    self.capabilities = capabilities
    self.architecture = architecture
    self.kernel = kernel
  }
}

/// System-call filters for containers.
public enum SeccompProfile {
  private static let notPermitted: UInt32 = 1  // EPERM
  private static let notImplemented: UInt32 = 38  // ENOSYS
  private static let noSuchFamily: UInt32 = 97  // EAFNOSUPPORT

  /// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET of linux/sched.h.
  private static let namespaceFlags: [UInt64] = [
    0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000,
  ]
  /// CLONE_NEWTIME; for clone(2) that bit is part of the signal's number.
  private static let timeNamespaceFlag: UInt64 = 0x80

  /// Socket families of address_families(7): local, IPv4, IPv6, netlink, packet.
  private static let socketFamilies: [UInt64] = [1, 2, 10, 16, 17]
  /// personality(2): Linux, 32-bit Linux, both with the old version number, and the question without a change.
  private static let personalities: [UInt64] = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF]

  /// The engine's own profile: what is not listed does not exist (ENOSYS), so that a C library meeting a call newer
  /// than the list falls back to an older one; what is known and refused answers EPERM. See docs/seccomp.md.
  public static func standard(_ terms: SeccompTerms) -> RuntimeSpec.Linux.Seccomp {
    var allowed = SystemCallList.everyone
    var refused = SystemCallList.refused
    for (needs, names) in SystemCallList.conditional {
      if needs.isDisjoint(with: terms.capabilities) { refused += names } else { allowed += names }
    }
    var rules: [RuntimeSpec.Linux.SeccompRule] = []
    if terms.capabilities.contains(.sysAdmin) {
      allowed += ["clone", "clone3", "unshare"]
    } else {
      // clone3 takes its flags by reference, where a filter cannot look: not there, so that clone is used.
      rules += withoutFlags("clone", namespaceFlags)
      rules += withoutFlags("unshare", namespaceFlags + [timeNamespaceFlag])
    }
    rules += only("socket", socketFamilies)
    rules.append(refusal(["socket"], noSuchFamily, [argument(0, .greater, 17)]))
    rules += only("personality", personalities)
    var profile = RuntimeSpec.Linux.Seccomp(defaultAction: .errno, defaultErrnoRet: notImplemented)
    profile.architectures = architectures(terms.architecture)
    profile.syscalls =
      [RuntimeSpec.Linux.SeccompRule(allowed, .allow), refusal(refused, notPermitted, nil)] + rules
    return profile
  }

  /// Allowed where none of the flags is set, EPERM where any is.
  private static func withoutFlags(_ name: String, _ flags: [UInt64]) -> [RuntimeSpec.Linux.SeccompRule] {
    let mask = flags.reduce(0, |)
    let allowed = RuntimeSpec.Linux.SeccompRule(
      [name], .allow, args: [RuntimeSpec.Linux.SeccompArgument(index: 0, .maskedEqual, value: mask, valueTwo: 0)])
    return [allowed]
      + flags.map { flag in
        refusal(
          [name], notPermitted,
          [RuntimeSpec.Linux.SeccompArgument(index: 0, .maskedEqual, value: flag, valueTwo: flag)])
      }
  }

  private static func only(_ name: String, _ values: [UInt64]) -> [RuntimeSpec.Linux.SeccompRule] {
    values.map { RuntimeSpec.Linux.SeccompRule([name], .allow, args: [argument(0, .equal, $0)]) }
  }

  private static func refusal(
    _ names: [String], _ errno: UInt32, _ arguments: [RuntimeSpec.Linux.SeccompArgument]?
  ) -> RuntimeSpec.Linux.SeccompRule {
    RuntimeSpec.Linux.SeccompRule(names, .errno, errnoRet: errno, args: arguments)
  }

  private static func argument(
    _ index: UInt32, _ comparison: RuntimeSpec.Linux.SeccompOperator, _ value: UInt64
  ) -> RuntimeSpec.Linux.SeccompArgument {
    RuntimeSpec.Linux.SeccompArgument(index: index, comparison, value: value)
  }

  /// The host's own only: programs of other architectures (32-bit ones too) end at their first call.
  static func architectures(_ machine: String) -> [String]? {
    switch machine {
    case "x86_64": ["SCMP_ARCH_X86_64"]
    case "aarch64": ["SCMP_ARCH_AARCH64"]
    default: nil
    }
  }
}
