/// Which parts of which instruction expand (Dockerfile reference, "Environment replacement"). `RUN`, `CMD`, `ENTRYPOINT`,
/// `HEALTHCHECK`, `SHELL`, `ONBUILD` and `MAINTAINER` do not: of `RUN` only the mounts, by `resolvedMounts`.
extension Instruction {
  /// The instruction with its variables replaced and its quotes taken away.
  ///
  /// `ENV a=1 b=$a` expands all of its values over the variables before it. `ARG` does not go through here: each of its
  /// values may use the one before (`StageVariables.declare`).
  /// - Throws: `invalidArgument` with the place of the fault.
  public func expanded(_ expansion: WordExpansion) throws -> Instruction {
    Instruction(kind: try kind.expanded(expansion), position: position, lastLine: lastLine, text: text)
  }
}

extension Instruction.Kind {
  fileprivate func expanded(_ expansion: WordExpansion) throws -> Self {
    switch self {
    case .env(let pairs): .env(try pairs.map { try $0.expanded(expansion) })
    case .label(let pairs): .label(try pairs.map { try $0.expanded(expansion) })
    case .expose(let ports): .expose(try ports.flatMap(expansion.words))
    case .volume(let paths): .volume(try paths.map(expansion.expand))
    case .user(let word): .user(try expansion.expand(word))
    case .workdir(let word): .workdir(try expansion.expand(word))
    case .stopsignal(let word): .stopsignal(try expansion.expand(word))
    case .copy(let copy): .copy(try copy.expanded(expansion))
    case .add(let copy): .add(try copy.expanded(expansion))
    case .run, .arg, .cmd, .entrypoint, .healthcheck, .onbuild, .shell, .maintainer: self
    }
  }
}

extension NameValue {
  fileprivate func expanded(_ expansion: WordExpansion) throws -> NameValue {
    NameValue(name: try expansion.expand(name), value: try expansion.expand(value), isOldForm: isOldForm)
  }
}

extension CopyInstruction {
  fileprivate func expanded(_ expansion: WordExpansion) throws -> CopyInstruction {
    var copy = self
    copy.sources = try sources.map(expansion.expand)
    copy.destination = try expansion.expand(destination)
    copy.owner = try owner.map(expansion.expand)
    copy.mode = try mode.map(expansion.expand)
    copy.checksum = try checksum.map(expansion.expand)
    for index in heredocs.indices { copy.heredocs[index].content = try expansion.expandBody(of: heredocs[index]) }
    return copy
  }
}
