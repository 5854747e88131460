import LinuxSystem
import Model
import OCITypes
import Testing

@testable import Isolation

@Suite struct SeccompProfileTests {
  private func terms(_ capabilities: Set<Capability> = Capability.standard) -> SeccompTerms {
    SeccompTerms(capabilities: capabilities, architecture: "x86_64", kernel: KernelVersion(6, 1))
  }

  private func action(_ name: String, _ profile: RuntimeSpec.Linux.Seccomp) -> String {
    let rules = profile.syscalls.filter { $0.names.contains(name) }
    guard let rule = rules.first else { return "ENOSYS" }
    if rules.count > 1 || rule.args != nil { return "conditional" }
    return rule.action == .allow ? "allow" : "\(rule.errnoRet ?? 0)"
  }

  @Test(arguments: [
    ("read", "allow"), ("chroot", "allow"), ("ptrace", "allow"), ("mount", "1"), ("keyctl", "1"), ("bpf", "1"),
    ("io_uring_setup", "1"), ("clone", "conditional"), ("unshare", "conditional"), ("clone3", "ENOSYS"),
    ("socket", "conditional"), ("personality", "conditional"), ("fchmodat2", "allow"), ("kexec_load", "1"),
    ("userfaultfd", "1"), ("perf_event_open", "1"), ("open_by_handle_at", "1"), ("lookup_dcookie", "ENOSYS"),
  ])
  func standard(name: String, expected: String) {
    #expect(action(name, SeccompProfile.standard(terms())) == expected)
  }

  @Test func capabilitiesOpenTheirCalls() {
    for (needs, names) in SystemCallList.conditional {
      for capability in needs {
        let profile = SeccompProfile.standard(terms([capability]))
        for name in names { #expect(action(name, profile) == "allow", "\(name) with \(capability)") }
      }
      for name in names { #expect(action(name, SeccompProfile.standard(terms([]))) == "1", "\(name)") }
    }
    let admin = SeccompProfile.standard(terms([.sysAdmin]))
    for name in ["clone", "clone3", "unshare", "mount"] { #expect(action(name, admin) == "allow") }
    for name in SystemCallList.refused {
      #expect(action(name, SeccompProfile.standard(terms(Set(Capability.allCases)))) == "1")
    }
  }

  @Test func noCallIsListedTwice() {
    let names = SystemCallList.everyone + SystemCallList.refused + SystemCallList.conditional.flatMap(\.names)
    #expect(names.count == Set(names).count)
  }

  @Test func dockerFormIsSettled() throws {
    let text = """
      {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
       "archMap": [{"architecture": "SCMP_ARCH_AARCH64"}, {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
       "syscalls": [
        {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["a"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_CHOWN"]}},
        {"names": ["b"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["c"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_CHOWN"]}},
        {"names": ["d"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
        {"names": ["e"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64"], "minKernel": "4.8"}},
        {"names": ["f"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.2"}},
        {"names": ["g"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "5.0"}},
        {"name": "clone", "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}], "comment": "x"},
        {"names": ["h"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
        {"names": ["i"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}
      """
    let profile = try SeccompProfile.parse(Array(text.utf8), terms: terms())
    #expect(profile.syscalls.map(\.names) == [["read", "write"], ["a"], ["e"], ["clone"], ["i"]])
    #expect(profile.architectures == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"])
    #expect(
      profile.syscalls[3].args == [
        RuntimeSpec.Linux.SeccompArgument(index: 0, .maskedEqual, value: 2_114_060_288, valueTwo: 0)
      ])
  }

  @Test(arguments: [
    ("", "it is not valid JSON"), ("{}", "'defaultAction' is missing"),
    (#"{"defaultAction": "ALLOW"}"#, "unknown value at 'defaultAction'"),
    (#"{"defaultAction": 5}"#, "wrong value at 'defaultAction'"),
    (#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["x"]}]}"#, "'action' is missing"),
    (
      #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "a", "names": ["x"], "action": "SCMP_ACT_LOG"}]}"#,
      "both 'name' and 'names'"
    ),
    (#"{"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 5000}"#, "errno 5000 is out of range"),
    (
      #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["x"], "action": "SCMP_ACT_LOG", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}"#,
      "beyond the sixth"
    ),
    (
      #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["x"], "action": "SCMP_ACT_LOG", "includes": {"minKernel": "new"}}]}"#,
      "'new' is no kernel version"
    ),
    (
      #"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "archMap": [{"architecture": "SCMP_ARCH_X86"}]}"#,
      "cannot both be there"
    ),
    (#"{"defaultAction": "SCMP_ACT_ALLOW", "x": "# + String(repeating: "[", count: 100_000) + "}", "nested too deeply"),
    (
      #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [""], "action": "SCMP_ACT_LOG"}]}"#,
      "too many or too long names"
    ),
    (#"{"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1e999999}"#, ""),
  ])
  func wrongProfiles(text: String, message: String) {
    let failed = failure { _ = try SeccompProfile.parse(Array(text.utf8), terms: terms()) }
    #expect(failed.code == .invalidArgument && failed.message.hasPrefix("invalid seccomp profile: "))
    #expect(message.isEmpty || failed.message.contains(message), "\(failed.message)")
  }

  @Test func profilesAreBounded() {
    let bytes = [UInt8](repeating: 32, count: SeccompProfile.maximumProfileBytes + 1)
    #expect(failure { _ = try SeccompProfile.parse(bytes, terms: terms()) }.code == .resourceExhausted)
  }
}
