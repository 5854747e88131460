import ArgumentParser

struct CopyFiles: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cp", abstract: "Copy files into a container, or out of it.",
    discussion: """
      bulkhead cp SOURCE CONTAINER:PATH, or bulkhead cp CONTAINER:PATH TARGET;
      - is an archive on standard input or output, PATH/. the contents of a folder.
      """)
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "Keep owners.") var archive = false
  @Flag(name: [.customShort("L"), .long], help: "Follow a link at the end of the source.") var followLink = false
  @Flag(name: .shortAndLong, help: "Say nothing; that is so anyway.") var quiet = false
  @Argument(help: "CONTAINER:PATH, a local path, or -.") var source: String
  @Argument(help: "A local path, CONTAINER:PATH, or -.") var target: String

  func run() throws {
    let copy = ContainerCopy(engine: try connection.engine(), keepsOwners: archive, followsLink: followLink)
    switch (CopyEnd(parsing: source), CopyEnd(parsing: target)) {
    case (.inside(let container, let path), .local(let target)): try copy.copyOut(container, path, to: target)
    case (.inside(let container, let path), .stream): try copy.copyOut(container, path)
    case (.local(let source), .inside(let container, let path)): try copy.copyIn(source, to: container, path)
    case (.stream, .inside(let container, let path)): try copy.copyIn(to: container, path)
    case (.inside, .inside): throw ClientError.usage("copying from one container to another is not supported")
    default: throw ClientError.usage("one of the two has to be CONTAINER:PATH")
    }
  }
}
