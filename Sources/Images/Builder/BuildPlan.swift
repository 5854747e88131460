import Dockerfile
import Model

/// Which stages a build needs, and how its steps are counted.
struct BuildPlan: Sendable {
  let file: ParsedDockerfile
  let target: BuildStage
  /// In the file's order.
  let stages: [BuildStage]
  /// Number of the stage's FROM, by the stage's index.
  let firstNumbers: [Int: Int]
  let total: Int
  private let contexts: Set<String>

  /// - Parameter contexts: names that stand for other things than stages.
  init(
    _ file: ParsedDockerfile, target name: String, arguments: BuildArguments, contexts: Set<String> = []
  ) throws {
    self.file = file
    self.contexts = contexts
    target = try file.target(name)
    var needed: Set<Int> = []
    var pending = [target]
    while let stage = pending.popLast() {
      guard needed.insert(stage.index).inserted else { continue }
      pending += try Self.sources(of: stage, in: file, arguments, contexts: contexts)
    }
    stages = file.stages.filter { needed.contains($0.index) }
    var numbers: [Int: Int] = [:]
    var next = 1
    for stage in stages {
      numbers[stage.index] = next
      next += 1 + stage.instructions.count
    }
    firstNumbers = numbers
    total = next - 1
  }

  /// The stages that a stage is made from.
  static func sources(
    of stage: BuildStage, in file: ParsedDockerfile, _ arguments: BuildArguments, contexts: Set<String> = []
  ) throws -> [BuildStage] {
    let expansion = WordExpansion(escape: file.directives.escape, variables: arguments.global)
    var result: [BuildStage] = []
    func source(_ from: Word) throws -> BuildStage? {
      contexts.contains(from.text.lowercased()) ? nil : try file.source(from, of: stage.index)
    }
    let name = try expansion.expand(stage.base).text
    if !contexts.contains(name.lowercased()), let base = file.stage(named: name, before: stage.index) {
      result.append(base)
    }
    for instruction in stage.instructions {
      switch instruction.kind {
      case .copy(let copy):
        if let from = copy.from, let source = try source(from) { result.append(source) }
      case .run(let run):
        // Names of stages do not expand; the rest of a mount is read when its step runs.
        let plain = WordExpansion(escape: file.directives.escape, variables: [:])
        for mount in (try? run.resolvedMounts(plain)) ?? [] {
          if let from = mount.from, let source = try source(from) { result.append(source) }
        }
      default: break
      }
    }
    return result
  }

  /// The stages that the target lies on, itself first.
  func targetChain(_ arguments: BuildArguments) throws -> [BuildStage] {
    let expansion = WordExpansion(escape: file.directives.escape, variables: arguments.global)
    var chain = [target]
    while let last = chain.last {
      let name = try expansion.expand(last.base).text
      guard !contexts.contains(name.lowercased()), let base = file.stage(named: name, before: last.index) else { break }
      chain.append(base)
    }
    return chain
  }

  func name(_ stage: BuildStage, step: Int, _ text: String) -> BuildStepName {
    BuildStepName(
      number: (firstNumbers[stage.index] ?? 1) + step, total: total, stage: stage.displayName, text: text)
  }
}
