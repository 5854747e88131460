import FoundationEssentials
import OCITypes

/// A filter as the kernel takes it: classic BPF over `struct seccomp_data` (seccomp(2)).
///
/// Runtimes compile a profile with libseccomp at every start, which costs more than the rest of what they do (about 2
/// ms for the engine's own profile). crun also takes a finished program by an annotation. The program here decides by
/// binary search, so that it is shorter to run, too.
struct SeccompProgram: Equatable {
  /// One `struct sock_filter`.
  struct Instruction: Equatable {
    var code: UInt16
    var jumpTrue: UInt8 = 0
    var jumpFalse: UInt8 = 0
    var value: UInt32
  }

  /// The annotation by which crun takes a program, in base64.
  static let annotation = "run.oci.seccomp_bpf_data"

  var instructions: [Instruction]

  /// Compiles a profile that compares low halves of arguments only: enough for the engine's own, whose arguments the
  /// kernel itself takes as 32 bits. nil for anything that this does not cover; the runtime has to do it then.
  init?(_ profile: RuntimeSpec.Linux.Seccomp, numbers: SystemCallNumbers) {
    guard let standard = Self.answer(profile.defaultAction, profile.defaultErrnoRet) else { return nil }
    guard let decisions = Self.decisions(profile, numbers: numbers) else { return nil }
    instructions = [
      Instruction(code: Code.load, value: 4),
      Instruction(code: Code.jumpEqual, jumpTrue: 1, value: numbers.auditArchitecture),
      Instruction(code: Code.return, value: Answer.killProcess),
      Instruction(code: Code.load, value: 0),
    ]
    if let foreign = numbers.foreignFrom {
      instructions.append(Instruction(code: Code.jumpGreaterOrEqual, jumpFalse: 1, value: foreign))
      instructions.append(Instruction(code: Code.return, value: Answer.killProcess))
    }
    instructions += Self.search(Self.segments(decisions, standard: standard)[...], standard)
    guard instructions.count <= Self.maximumInstructions else { return nil }
  }

  /// The bytes of the program, in the order of this machine, which is little-endian as both architectures are.
  var bytes: [UInt8] {
    instructions.flatMap { instruction in
      withUnsafeBytes(of: instruction.code.littleEndian, Array.init) + [instruction.jumpTrue, instruction.jumpFalse]
        + withUnsafeBytes(of: instruction.value.littleEndian, Array.init)
    }
  }

  var base64: String { Data(bytes).base64EncodedString() }

  /// BPF_MAXINSNS of linux/bpf_common.h.
  private static let maximumInstructions = 4096

  /// linux/bpf_common.h
  enum Code {
    static let load: UInt16 = 0x20
    static let jump: UInt16 = 0x05
    static let jumpEqual: UInt16 = 0x15
    static let jumpGreater: UInt16 = 0x25
    static let jumpGreaterOrEqual: UInt16 = 0x35
    static let and: UInt16 = 0x54
    static let `return`: UInt16 = 0x06
  }

  /// linux/seccomp.h
  enum Answer {
    static let killProcess: UInt32 = 0x8000_0000
    static let allow: UInt32 = 0x7FFF_0000
    static let errno: UInt32 = 0x0005_0000
  }

  private struct Test: Equatable {
    var argument: RuntimeSpec.Linux.SeccompArgument
    var answer: UInt32
  }

  private enum Decision: Equatable {
    case fixed(UInt32)
    case tests([Test])
  }

  private struct Segment {
    var first: UInt32
    var decision: Decision
  }

  private static func answer(_ action: RuntimeSpec.Linux.SeccompAction, _ number: UInt32?) -> UInt32? {
    switch action {
    case .allow: Answer.allow
    case .killProcess: Answer.killProcess
    case .errno: Answer.errno | (number ?? 1) & 0xFFFF
    case .kill, .killThread, .trap, .trace, .log: nil
    }
  }

  private static func decisions(
    _ profile: RuntimeSpec.Linux.Seccomp, numbers: SystemCallNumbers
  ) -> [UInt32: Decision]? {
    var decisions: [UInt32: Decision] = [:]
    for rule in profile.syscalls {
      guard let answer = answer(rule.action, rule.errnoRet) else { return nil }
      for name in rule.names {
        guard let number = numbers[name] else { continue }
        guard let arguments = rule.args, !arguments.isEmpty else {
          decisions[number] = .fixed(answer)
          continue
        }
        guard arguments.count == 1, isCovered(arguments[0]) else { return nil }
        switch decisions[number] {
        case .fixed: break
        case .tests(let tests): decisions[number] = .tests(tests + [Test(argument: arguments[0], answer: answer)])
        case nil: decisions[number] = .tests([Test(argument: arguments[0], answer: answer)])
        }
      }
    }
    return decisions
  }

  private static func isCovered(_ argument: RuntimeSpec.Linux.SeccompArgument) -> Bool {
    [.equal, .greater, .maskedEqual].contains(argument.op) && argument.index <= 5
      && argument.value <= UInt64(UInt32.max) && (argument.valueTwo ?? 0) <= UInt64(UInt32.max)
  }

  /// Runs of numbers with the same decision, from 0 on.
  private static func segments(_ decisions: [UInt32: Decision], standard: UInt32) -> [Segment] {
    var segments = [Segment(first: 0, decision: .fixed(standard))]
    func add(_ first: UInt32, _ decision: Decision) {
      if segments.last?.first == first { segments.removeLast() }
      if segments.last?.decision != decision { segments.append(Segment(first: first, decision: decision)) }
    }
    for number in decisions.keys.sorted() {
      guard let decision = decisions[number] else { continue }
      add(number, decision)
      add(number + 1, .fixed(standard))
    }
    return segments
  }

  private static func search(_ segments: ArraySlice<Segment>, _ standard: UInt32) -> [Instruction] {
    guard segments.count > 1 else { return segments.first.map { leaf($0.decision, standard) } ?? [] }
    let middle = segments.startIndex + segments.count / 2
    let left = search(segments[..<middle], standard)
    let right = search(segments[middle...], standard)
    let first = segments[middle].first
    if left.count <= UInt8.max {
      return [Instruction(code: Code.jumpGreaterOrEqual, jumpTrue: UInt8(left.count), value: first)] + left + right
    }
    // A conditional jump reaches 255 instructions; an unconditional one reaches all.
    return [
      Instruction(code: Code.jumpGreaterOrEqual, jumpFalse: 1, value: first),
      Instruction(code: Code.jump, value: UInt32(left.count)),
    ] + left + right
  }

  private static func leaf(_ decision: Decision, _ standard: UInt32) -> [Instruction] {
    switch decision {
    case .fixed(let answer): return [Instruction(code: Code.return, value: answer)]
    case .tests(let tests):
      return tests.flatMap { instructions($0) } + [Instruction(code: Code.return, value: standard)]
    }
  }

  private static func instructions(_ test: Test) -> [Instruction] {
    let argument = test.argument
    let value = UInt32(truncatingIfNeeded: argument.value)
    // `args` begins at byte 16; the low half of each comes first.
    var result = [Instruction(code: Code.load, value: 16 + 8 * argument.index)]
    switch argument.op {
    case .greater: result.append(Instruction(code: Code.jumpGreater, jumpFalse: 1, value: value))
    case .maskedEqual:
      result.append(Instruction(code: Code.and, value: value))
      let wanted = UInt32(truncatingIfNeeded: argument.valueTwo ?? 0)
      result.append(Instruction(code: Code.jumpEqual, jumpFalse: 1, value: wanted))
    default: result.append(Instruction(code: Code.jumpEqual, jumpFalse: 1, value: value))
    }
    result.append(Instruction(code: Code.return, value: test.answer))
    return result
  }
}
