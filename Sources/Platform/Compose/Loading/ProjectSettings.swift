/// What the command line, the environment and `.env` say about a project, put together.
struct ProjectSettings {
  /// The usual names, in the order in which they are looked for.
  static let fileNames = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"]
  static let overrideNames = [
    "compose.override.yaml", "compose.override.yml", "docker-compose.override.yml", "docker-compose.override.yaml",
  ]

  var files: [String]
  var directory: String
  /// The files of variables that were read.
  var environmentFiles: [String] = []
  var environment: [String: String]
  var profiles: Set<String>

  static func resolve(
    _ request: ComposeRequest, _ reader: any ComposeReader
  ) throws(ComposeFault) -> (ProjectSettings, [ComposeWarning]) {
    let current = HostPath.normal(request.currentDirectory)
    let given = request.files.map { $0 == "-" ? $0 : HostPath.absolute($0, in: current, home: nil) }
    var start = current
    if let directory = request.projectDirectory {
      start = HostPath.absolute(directory, in: current, home: nil)
    } else if let first = given.first, first != "-" {
      start = HostPath.folder(of: first)
    }
    var settings = ProjectSettings(files: given, directory: start, environment: request.environment, profiles: [])
    var warnings: [ComposeWarning] = []
    try settings.readVariables(request, in: start, reader, &warnings)
    if given.isEmpty {
      settings.files = try settings.find(from: current, start: start, reader)
      let first = settings.files[0] == "-" ? start : HostPath.folder(of: settings.files[0])
      if request.projectDirectory == nil { settings.directory = first }
      if first != start, settings.environmentFiles.isEmpty {
        try settings.readVariables(request, in: first, reader, &warnings)
      }
    }
    let named = settings.environment["COMPOSE_PROFILES"].map { $0.split(separator: ",").map(String.init) } ?? []
    settings.profiles = Set(request.profiles.isEmpty ? named : request.profiles)
    return (settings, warnings)
  }

  /// Variables of files; the process's own go before them.
  private mutating func readVariables(
    _ request: ComposeRequest, in folder: String, _ reader: any ComposeReader, _ warnings: inout [ComposeWarning]
  ) throws(ComposeFault) {
    let paths = request.environmentFiles ?? [folder + "/.env"]
    var values: [String: String] = [:]
    for path in paths {
      let path = HostPath.absolute(path, in: HostPath.normal(request.currentDirectory), home: nil)
      guard
        let found = try FileAccess(reader).variables(
          path, mustExist: request.environmentFiles != nil, raw: false, at: nil, key: "--env-file",
          lookup: { [environment = request.environment, values] in environment[$0] ?? values[$0] })
      else { continue }
      environmentFiles.append(path)
      warnings += found.warnings
      for entry in found.entries { if let value = entry.value { values[entry.name] = value } }
    }
    environment = values.merging(request.environment) { $1 }
  }

  /// `COMPOSE_FILE`, else the usual names here or in a folder above.
  private func find(
    from current: String, start: String, _ reader: any ComposeReader
  ) throws(ComposeFault) -> [String] {
    if let named = environment["COMPOSE_FILE"], !named.isEmpty {
      let separator = environment["COMPOSE_PATH_SEPARATOR"].flatMap { $0.first } ?? ":"
      let files = named.split(separator: separator).map {
        $0 == "-" ? "-" : HostPath.absolute(String($0), in: start, home: nil)
      }
      if !files.isEmpty { return files }
    }
    let access = FileAccess(reader)
    var folder = start
    while true {
      for name in Self.fileNames {
        let path = HostPath.normal(folder + "/" + name)
        guard try access.exists(path) else { continue }
        for override in Self.overrideNames {
          let other = HostPath.normal(folder + "/" + override)
          if try access.exists(other) { return [path, other] }
        }
        return [path]
      }
      if folder == "/" { break }
      folder = HostPath.folder(of: folder)
    }
    throw ComposeFault(
      .noFiles, at: nil,
      "no compose file here or in a folder above (\(Self.fileNames.joined(separator: ", "))); name one with -f")
  }

  // MARK: The project's name

  static func name(
    _ request: ComposeRequest, _ settings: ProjectSettings, fileName: (text: String, at: ComposeLocation)?
  ) throws(ComposeFault) -> String {
    if let name = request.projectName, !name.isEmpty { return try checked(name, at: nil, key: "--project-name") }
    if let name = settings.environment["COMPOSE_PROJECT_NAME"], !name.isEmpty {
      return try checked(name, at: nil, key: "COMPOSE_PROJECT_NAME")
    }
    if let fileName, !fileName.text.isEmpty { return try checked(fileName.text, at: fileName.at, key: "name") }
    let folder = settings.directory.split(separator: "/").last.map(String.init) ?? ""
    let name = normalized(folder)
    guard !name.isEmpty else {
      throw ComposeFault(.invalid, at: nil, "the folder's name '\(folder)' makes no project's name; give one with -p")
    }
    return name
  }

  static func normalized(_ name: String) -> String {
    let kept = name.lowercased().utf8.filter { isNameByte($0) }
    return String(decoding: kept.drop { $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }, as: UTF8.self)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "_")
      || byte == UInt8(ascii: "-")
  }

  static func checked(_ name: String, at location: ComposeLocation?, key: String) throws(ComposeFault) -> String {
    guard normalized(name) == name, name.utf8.count <= 200 else {
      throw ComposeFault(
        .invalid, at: location, key: key,
        "'\(name.prefix(100))' is no project's name: small letters, digits, '-' and '_', the first a letter or digit")
    }
    return name
  }
}

/// The reader with the faults of this room.
struct FileAccess {
  private let reader: any ComposeReader

  init(_ reader: any ComposeReader) { self.reader = reader }

  /// nil where it is not there and need not be.
  func bytes(
    _ path: String, beneath root: String?, mustExist: Bool, at location: ComposeLocation?, key: String
  ) throws(ComposeFault) -> [UInt8]? {
    do {
      return try reader.read(path, beneath: root, maximumBytes: ComposeLimits.fileBytes)
    } catch {
      switch error {
      case .notFound:
        if !mustExist { return nil }
        throw ComposeFault(.file, at: location, key: key, "'\(path)' is not there")
      case .escapes: throw Self.escape(path, root ?? "", at: location, key: key)
      case .tooLarge:
        throw ComposeFault(
          .limit, at: location, key: key, "'\(path)' is longer than \(ComposeLimits.fileBytes) bytes")
      case .unreadable(let reason):
        throw ComposeFault(.file, at: location, key: key, "cannot read '\(path)': \(reason)")
      }
    }
  }

  static func escape(_ path: String, _ root: String, at location: ComposeLocation?, key: String) -> ComposeFault {
    ComposeFault(
      .escape, at: location, key: key,
      "'\(path)' lies outside of the project's folder '\(root)'; --allow-outside permits it")
  }

  func exists(_ path: String) throws(ComposeFault) -> Bool {
    do {
      _ = try reader.read(path, beneath: nil, maximumBytes: ComposeLimits.fileBytes)
      return true
    } catch {
      // What is there and cannot be read is told when it is read.
      return error != .notFound
    }
  }

  func variables(
    _ path: String, beneath root: String? = nil, mustExist: Bool, raw: Bool, at location: ComposeLocation?, key: String,
    lookup: @escaping (String) -> String?
  ) throws(ComposeFault) -> (entries: [VariableFile.Entry], warnings: [ComposeWarning])? {
    guard let bytes = try bytes(path, beneath: root, mustExist: mustExist, at: location, key: key) else { return nil }
    let (entries, unset) = try VariableFile.parse(bytes, file: path, raw: raw, lookup: lookup)
    let warnings = unset.map {
      ComposeWarning(
        at: ComposeLocation(file: path, line: $0.line, column: 1),
        "the variable '\($0.name)' is not set: an empty text is taken")
    }
    return (entries, warnings)
  }
}
