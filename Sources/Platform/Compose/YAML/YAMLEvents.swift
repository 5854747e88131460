internal import CYaml

/// The events of a YAML text, one after the other, as libyaml finds them: it keeps its own stack, so that no nesting
/// reaches this program's.
final class YAMLEvents {
  enum Kind {
    case streamEnd
    case documentStart
    case documentEnd
    case alias(String)
    case scalar(text: String, isPlain: Bool)
    case listStart
    case listEnd
    case mapStart
    case mapEnd
  }

  struct Event {
    var kind: Kind
    var anchor: String?
    var tag: String?
    var at: ComposeLocation
  }

  private let file: String
  private let bytes: UnsafeMutableBufferPointer<UInt8>
  // libyaml keeps pointers to the parser and to its input: both have to stay where they are.
  private let parser: UnsafeMutablePointer<yaml_parser_t>

  init(_ text: [UInt8], file: String) throws(ComposeFault) {
    self.file = file
    bytes = .allocate(capacity: max(text.count, 1))
    _ = bytes.update(fromContentsOf: text)
    parser = .allocate(capacity: 1)
    parser.initialize(to: yaml_parser_t())
    guard yaml_parser_initialize(parser) == 1 else {
      throw ComposeFault(.limit, at: nil, "no memory to read '\(file)'")
    }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, bytes.baseAddress, text.count)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
    bytes.deallocate()
  }

  /// The next event but the start of the stream, which says nothing.
  func next() throws(ComposeFault) -> Event {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw fault() }
    defer { yaml_event_delete(&event) }
    let at = location(event.start_mark)
    func found(_ kind: Kind, anchor: UnsafePointer<UInt8>? = nil, tag: UnsafePointer<UInt8>? = nil) -> Event {
      Event(kind: kind, anchor: Self.text(anchor), tag: Self.text(tag), at: at)
    }
    switch event.type {
    case YAML_STREAM_START_EVENT: return try next()
    case YAML_DOCUMENT_START_EVENT: return found(.documentStart)
    case YAML_DOCUMENT_END_EVENT: return found(.documentEnd)
    case YAML_ALIAS_EVENT: return found(.alias(Self.text(event.data.alias.anchor) ?? ""))
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      let content = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      return found(
        .scalar(text: String(decoding: content, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE),
        anchor: scalar.anchor, tag: scalar.tag)
    case YAML_SEQUENCE_START_EVENT:
      return found(.listStart, anchor: event.data.sequence_start.anchor, tag: event.data.sequence_start.tag)
    case YAML_SEQUENCE_END_EVENT: return found(.listEnd)
    case YAML_MAPPING_START_EVENT:
      return found(.mapStart, anchor: event.data.mapping_start.anchor, tag: event.data.mapping_start.tag)
    case YAML_MAPPING_END_EVENT: return found(.mapEnd)
    default: return found(.streamEnd)
    }
  }

  private func location(_ mark: yaml_mark_t) -> ComposeLocation {
    ComposeLocation(file: file, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
  }

  private static func text(_ pointer: UnsafePointer<UInt8>?) -> String? { pointer.map { String(cString: $0) } }

  private func fault() -> ComposeFault {
    let problem = parser.pointee.problem.map { String(cString: $0) } ?? "not valid YAML"
    let context = parser.pointee.context.map { " " + String(cString: $0) } ?? ""
    // Errors of the encoding have no mark.
    let mark = parser.pointee.problem_mark
    let isTooDeep = problem.hasPrefix("Maximum nesting level")
    return ComposeFault(
      isTooDeep ? .limit : .syntax, at: location(mark),
      isTooDeep ? "nested too deeply: more than \(ComposeLimits.depth) levels" : "not valid YAML: \(problem)\(context)")
  }
}
