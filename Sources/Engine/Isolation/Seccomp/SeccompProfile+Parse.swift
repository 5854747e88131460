import FoundationEssentials
import LinuxSystem
import Model
import OCITypes

extension SeccompProfile {
  /// Largest profile taken; docker's own has 15 kB.
  public static let maximumProfileBytes = 1 << 20
  static let maximumRules = 4096
  static let maximumNames = 16_384
  static let maximumNameBytes = 64
  /// Nesting of the JSON; a profile has five levels.
  static let maximumDepth = 16

  /// Reads a client's profile in docker's JSON form and settles what depends on capabilities, architecture and kernel.
  ///
  /// Throws `invalidArgument` for what is not such a profile; `resourceExhausted` for one too large. Source: the form
  /// is described in docker's documentation, *Seccomp security profiles for Docker*.
  public static func parse(_ bytes: [UInt8], terms: SeccompTerms) throws -> RuntimeSpec.Linux.Seccomp {
    guard bytes.count <= maximumProfileBytes else {
      throw PlatformError(.resourceExhausted, "the seccomp profile is larger than \(maximumProfileBytes) bytes")
    }
    guard depth(bytes) <= maximumDepth else { throw invalid("it is nested too deeply") }
    let document: DockerProfile
    do {
      document = try JSONDecoder().decode(DockerProfile.self, from: Data(bytes))
    } catch {
      throw invalid(explain(error))
    }
    return try translate(document, terms: terms)
  }

  private static func invalid(_ reason: String) -> PlatformError {
    PlatformError(.invalidArgument, "invalid seccomp profile: \(reason)")
  }

  private static func explain(_ error: any Error) -> String {
    func place(_ context: DecodingError.Context) -> String {
      context.codingPath.map(\.stringValue).joined(separator: ".")
    }
    switch error as? DecodingError {
    case .keyNotFound(let key, let context): return "'\(key.stringValue)' is missing at '\(place(context))'"
    case .typeMismatch(_, let context), .valueNotFound(_, let context): return "wrong value at '\(place(context))'"
    case .dataCorrupted(let context) where !context.codingPath.isEmpty: return "unknown value at '\(place(context))'"
    default: return "it is not valid JSON"
    }
  }

  /// Brackets open at once outside of texts.
  private static func depth(_ bytes: [UInt8]) -> Int {
    var depth = 0
    var deepest = 0
    var inText = false
    var escaped = false
    for byte in bytes {
      if inText {
        if escaped { escaped = false } else if byte == 0x5C { escaped = true } else if byte == 0x22 { inText = false }
        continue
      }
      switch byte {
      case 0x22: inText = true
      case 0x5B, 0x7B:
        depth += 1
        deepest = max(deepest, depth)
      case 0x5D, 0x7D: depth -= 1
      default: break
      }
    }
    return deepest
  }

  private static func translate(
    _ document: DockerProfile, terms: SeccompTerms
  ) throws -> RuntimeSpec.Linux.Seccomp {
    let rules = document.syscalls ?? []
    guard rules.count <= maximumRules else { throw invalid("more than \(maximumRules) rules") }
    var profile = RuntimeSpec.Linux.Seccomp(
      defaultAction: document.defaultAction, defaultErrnoRet: try errno(document.defaultErrnoRet))
    profile.architectures = try architectures(document, terms: terms)
    var names = 0
    for rule in rules {
      let all = (rule.names ?? []) + (rule.name.map { $0.isEmpty ? [] : [$0] } ?? [])
      guard rule.name == nil || rule.names == nil || rule.name?.isEmpty == true else {
        throw invalid("a rule has both 'name' and 'names'")
      }
      names += all.count
      guard names <= maximumNames, all.allSatisfy({ (1...maximumNameBytes).contains($0.utf8.count) }) else {
        throw invalid("too many or too long names")
      }
      guard try applies(rule, terms: terms), !all.isEmpty else { continue }
      // A default action repeated as a rule is refused by libseccomp.
      if rule.action == document.defaultAction, rule.errnoRet == document.defaultErrnoRet { continue }
      profile.syscalls.append(
        RuntimeSpec.Linux.SeccompRule(
          all, rule.action, errnoRet: try errno(rule.errnoRet), args: try rule.args.flatMap(arguments)))
    }
    return profile
  }

  private static func arguments(
    _ list: [DockerProfile.Argument]
  ) throws -> [RuntimeSpec.Linux.SeccompArgument]? {
    guard list.count <= 6, list.allSatisfy({ $0.index <= 5 }) else {
      throw invalid("a rule compares an argument beyond the sixth")
    }
    let result = list.map {
      RuntimeSpec.Linux.SeccompArgument(index: $0.index, $0.op, value: $0.value, valueTwo: $0.valueTwo)
    }
    return result.isEmpty ? nil : result
  }

  private static func errno(_ number: UInt32?) throws -> UInt32? {
    // MAX_ERRNO of the kernel.
    if let number, number > 4095 { throw invalid("errno \(number) is out of range") }
    return number
  }

  private static func architectures(_ document: DockerProfile, terms: SeccompTerms) throws -> [String]? {
    let own = SeccompProfile.architectures(terms.architecture) ?? []
    guard document.architectures?.isEmpty ?? true || document.archMap?.isEmpty ?? true else {
      throw invalid("'architectures' and 'archMap' cannot both be there")
    }
    guard (document.architectures?.count ?? 0) <= 64, (document.archMap?.count ?? 0) <= 64 else {
      throw invalid("too many architectures")
    }
    if let list = document.architectures, !list.isEmpty { return list }
    if let map = document.archMap, let entry = map.first(where: { own.contains($0.architecture) }) {
      return [entry.architecture] + (entry.subArchitectures ?? [])
    }
    return own.isEmpty ? nil : own
  }

  private static func applies(_ rule: DockerProfile.Rule, terms: SeccompTerms) throws -> Bool {
    let machine = ["x86_64": "amd64", "aarch64": "arm64"][terms.architecture] ?? terms.architecture
    func holds(_ names: [String]) -> [Bool] {
      names.map { name in Capability(named: name).map(terms.capabilities.contains) ?? false }
    }
    if let excludes = rule.excludes {
      if excludes.arches?.contains(machine) == true || holds(excludes.caps ?? []).contains(true) { return false }
      if let minimum = try version(excludes.minKernel), terms.kernel >= minimum { return false }
    }
    if let includes = rule.includes {
      if let arches = includes.arches, !arches.isEmpty, !arches.contains(machine) { return false }
      if holds(includes.caps ?? []).contains(false) { return false }
      if let minimum = try version(includes.minKernel), terms.kernel < minimum { return false }
    }
    return true
  }

  private static func version(_ text: String?) throws -> KernelVersion? {
    guard let text, !text.isEmpty else { return nil }
    guard let version = KernelVersion(release: text) else { throw invalid("'\(text.prefix(40))' is no kernel version") }
    return version
  }
}

/// Docker's JSON form of a profile.
private struct DockerProfile: Decodable {
  struct Rule: Decodable {
    var names: [String]?
    var name: String?
    var action: RuntimeSpec.Linux.SeccompAction
    var errnoRet: UInt32?
    var args: [Argument]?
    var includes: Filter?
    var excludes: Filter?
  }

  struct Argument: Decodable {
    var index: UInt32
    var value: UInt64
    var valueTwo: UInt64?
    var op: RuntimeSpec.Linux.SeccompOperator
  }

  struct Filter: Decodable {
    var caps: [String]?
    var arches: [String]?
    var minKernel: String?
  }

  struct ArchitectureEntry: Decodable {
    var architecture: String
    var subArchitectures: [String]?
  }

  var defaultAction: RuntimeSpec.Linux.SeccompAction
  var defaultErrnoRet: UInt32?
  var architectures: [String]?
  var archMap: [ArchitectureEntry]?
  var syscalls: [Rule]?
}
