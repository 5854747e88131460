import LinuxSystem
import Model
import OCITypes
import Testing

@testable import Isolation

@Suite struct SeccompProgramTests {
  /// Runs a program as the kernel does; nil where it leaves its instructions or uses one that is not expected.
  private func run(
    _ program: SeccompProgram, number: UInt32, architecture: UInt32, arguments: [UInt64] = []
  ) -> UInt32? {
    var accumulator: UInt32 = 0
    var position = 0
    while position < program.instructions.count {
      let instruction = program.instructions[position]
      position += 1
      func branch(_ holds: Bool) { position += Int(holds ? instruction.jumpTrue : instruction.jumpFalse) }
      switch instruction.code {
      case SeccompProgram.Code.load:
        switch instruction.value {
        case 0: accumulator = number
        case 4: accumulator = architecture
        default:
          let index = Int(instruction.value - 16) / 8
          let value = index < arguments.count ? arguments[index] : 0
          accumulator = UInt32(truncatingIfNeeded: (instruction.value - 16) % 8 == 0 ? value : value >> 32)
        }
      case SeccompProgram.Code.and: accumulator &= instruction.value
      case SeccompProgram.Code.jump: position += Int(instruction.value)
      case SeccompProgram.Code.jumpEqual: branch(accumulator == instruction.value)
      case SeccompProgram.Code.jumpGreater: branch(accumulator > instruction.value)
      case SeccompProgram.Code.jumpGreaterOrEqual: branch(accumulator >= instruction.value)
      case SeccompProgram.Code.return: return instruction.value
      default: return nil
      }
    }
    return nil
  }

  /// What the profile's rules say, read one by one.
  private func expected(_ profile: RuntimeSpec.Linux.Seccomp, name: String?, arguments: [UInt64]) -> UInt32 {
    func answer(_ action: RuntimeSpec.Linux.SeccompAction, _ errno: UInt32?) -> UInt32 {
      action == .allow ? SeccompProgram.Answer.allow : SeccompProgram.Answer.errno | (errno ?? 1)
    }
    for rule in profile.syscalls where name.map(rule.names.contains) == true {
      let holds = (rule.args ?? []).allSatisfy { test in
        let value = arguments[Int(test.index)]
        switch test.op {
        case .equal: return value == test.value
        case .greater: return value > test.value
        default: return value & test.value == test.valueTwo ?? 0
        }
      }
      if holds { return answer(rule.action, rule.errnoRet) }
    }
    return answer(profile.defaultAction, profile.defaultErrnoRet)
  }

  static let sets: [Set<Capability>] = [[], Capability.standard, [.sysAdmin], Set(Capability.allCases)]

  @Test(arguments: sets.indices, ["x86_64", "aarch64"])
  func programSaysWhatTheRulesSay(index: Int, machine: String) throws {
    let terms = SeccompTerms(capabilities: Self.sets[index], architecture: machine, kernel: KernelVersion(6, 1))
    let profile = SeccompProfile.standard(terms)
    let numbers = try #require(SystemCallNumbers.of(machine))
    let program = try #require(SeccompProgram(profile, numbers: numbers))
    #expect(program.bytes.count == program.instructions.count * 8 && program.instructions.count < 600)
    let names = Set(profile.syscalls.flatMap(\.names))
    let byNumber = Dictionary(
      names.compactMap { name in numbers[name].map { ($0, name) } }, uniquingKeysWith: { first, _ in first })
    let first: [UInt64] = [
      0, 1, 2, 8, 10, 16, 17, 18, 38, 40, 0x80, 0x200, 0x11, 0x1000_0011, 0x0002_0000, 0x0200_0080, 0x7E02_0000,
      0x2_0008, 0xFFFF_FFFF,
    ]
    for number in UInt32(0)..<700 {
      for argument in first {
        let arguments = [argument, 0, 0, 0, 0, 0]
        let found = run(program, number: number, architecture: numbers.auditArchitecture, arguments: arguments)
        let wanted = expected(profile, name: byNumber[number], arguments: arguments)
        if found != wanted { Issue.record("call \(number) with \(argument): \(found ?? 0), not \(wanted)") }
      }
    }
    #expect(run(program, number: 0, architecture: 0x4000_0003) == SeccompProgram.Answer.killProcess)
    if machine == "x86_64" {
      for number: UInt32 in [0x4000_0000, 0x4000_0027, 0xFFFF_FFFF] {
        #expect(
          run(program, number: number, architecture: numbers.auditArchitecture) == SeccompProgram.Answer.killProcess)
      }
    }
  }

  /// Places in the tables, from both ends and the middle.
  @Test(
    arguments: [
      ("read", 0, 63), ("openat", 257, 56), ("clone", 56, 220), ("execve", 59, 221), ("seccomp", 317, 277),
      ("rseq", 334, 293),
      ("pidfd_send_signal", 424, 424), ("clone3", 435, 435), ("mount_setattr", 442, 442), ("futex_waitv", 449, 449),
      ("fchmodat2", 452, 452),
      ("mseal", 462, 462), ("file_setattr", 469, 469), ("open", 2, nil), ("kexec_file_load", 320, 294),
      ("mmap", 9, 222),
    ] as [(String, UInt32?, UInt32?)])
  func numbers(name: String, x86: UInt32?, arm: UInt32?) {
    #expect(SystemCallNumbers.x86_64[name] == x86)
    #expect(SystemCallNumbers.aarch64[name] == arm)
  }

  @Test func everyNameOfTheProfileIsKnownSomewhere() {
    let names = SystemCallList.everyone + SystemCallList.refused + SystemCallList.conditional.flatMap(\.names)
    let unknown = names.filter { SystemCallNumbers.x86_64[$0] == nil && SystemCallNumbers.aarch64[$0] == nil }
    #expect(unknown == ["umount"])
  }

  @Test func whatIsNotCoveredIsLeftToTheRuntime() {
    func compile(_ rule: RuntimeSpec.Linux.SeccompRule) -> SeccompProgram? {
      let profile = RuntimeSpec.Linux.Seccomp(defaultAction: .errno, syscalls: [rule])
      return SeccompProgram(profile, numbers: .x86_64)
    }
    let argument = RuntimeSpec.Linux.SeccompArgument(index: 0, .equal, value: 1)
    #expect(compile(RuntimeSpec.Linux.SeccompRule(["read"], .trap)) == nil)
    #expect(compile(RuntimeSpec.Linux.SeccompRule(["read"], .allow, args: [argument, argument])) == nil)
    #expect(
      compile(
        RuntimeSpec.Linux.SeccompRule(
          ["read"], .allow, args: [RuntimeSpec.Linux.SeccompArgument(index: 0, .less, value: 1)])) == nil)
    #expect(
      compile(
        RuntimeSpec.Linux.SeccompRule(
          ["read"], .allow, args: [RuntimeSpec.Linux.SeccompArgument(index: 0, .equal, value: 1 << 32)])) == nil)
    #expect(compile(RuntimeSpec.Linux.SeccompRule(["read"], .allow, args: [argument])) != nil)
  }

  @Test func onlyTheEnginesOwnProfileIsCompiled() throws {
    var input = SpecInput(
      settings: ContainerSettings(image: "busybox"), policy: EnginePolicy(), host: HostProfile(), arguments: ["sh"],
      environment: [], workingDirectory: "/", user: ResolvedUser(), hostname: "h", ids: IDRange(first: 1_000_000),
      rootPath: "/r", cgroupsPath: "/x")
    input.runtimeTakesFilterPrograms = true
    input.settings.host.annotations = ["team": "a"]
    let spec = try SpecBuilder.build(input)
    #expect(spec.linux.seccomp == RuntimeSpec.Linux.Seccomp(defaultAction: .killProcess))
    #expect(spec.annotations?.count == 2 && spec.annotations?["run.oci.seccomp_bpf_data"] != nil)
    input.settings.host.securityOptions = ["seccomp=unconfined"]
    #expect(try SpecBuilder.build(input).annotations == ["team": "a"])
    input.settings.host.securityOptions = [#"seccomp={"defaultAction": "SCMP_ACT_ALLOW"}"#]
    let custom = try SpecBuilder.build(input)
    #expect(custom.annotations == ["team": "a"] && custom.linux.seccomp?.defaultAction == .allow)
    input.settings.host.securityOptions = []
    input.host.architecture = "riscv64"
    #expect(try SpecBuilder.build(input).linux.seccomp?.defaultAction == .errno)
  }
}
