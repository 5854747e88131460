import HTTPServing
import KubeMachinery

extension Kind {
  static let event = Kind(
    KindName(group: "", version: "v1", kind: "Event"), plural: "events", shortNames: ["ev"], schema: .event,
    table: EventRules.table, selectableFields: EventRules.selectable(object: "involvedObject", source: "source"),
    rules: KindRules(nameProblems: Naming.subdomain, validate: EventRules.oldErrors))

  static let newEvent = Kind(
    KindName(group: "events.k8s.io", version: "v1", kind: "Event"), plural: "events", shortNames: ["ev"],
    schema: .newEvent, table: EventRules.table,
    selectableFields: EventRules.selectable(object: "regarding", source: "deprecatedSource"),
    rules: KindRules(nameProblems: Naming.subdomain, validate: EventRules.newErrors))
}

enum EventRules {
  static let table = PrinterTable(
    columns: [
      Cells.column("Last Seen", "When it was seen last."), Cells.column("Type", "Normal or Warning."),
      Cells.column("Reason", "Why, in one word."), Cells.column("Object", "What it is about."),
      Cells.column("Subobject", "Part of the object.", wide: true), Cells.column("Source", "Who saw it.", wide: true),
      Cells.column("Message", "What happened."), Cells.column("First Seen", "When it was seen first.", wide: true),
      Cells.column("Count", "How often it was seen.", wide: true),
      PrinterColumn("Name", "Name of the object.", format: "name", priority: 1),
    ], cells: cells)

  @Sendable private static func cells(_ object: JSONValue, _ now: Timestamp) -> [JSONValue] {
    let subject = object["involvedObject"] ?? object["regarding"] ?? [:]
    let source = object["source"] ?? object["deprecatedSource"] ?? [:]
    let first = moment(object, ["firstTimestamp", "deprecatedFirstTimestamp", "eventTime"])
    var last = moment(object, ["lastTimestamp", "deprecatedLastTimestamp"]) ?? first
    var count = max(object.numberAt("count"), object.numberAt("deprecatedCount"))
    if let series = object["series"] {
      last = series["lastObservedTime"]?.text ?? last
      count = series.numberAt("count")
    } else if count == 0 {
      count = 1
    }
    let component =
      source.textAt("component").isEmpty
      ? object.textAt("reportingComponent") + object.textAt("reportingController") : source.textAt("component")
    let host = source.textAt("host").isEmpty ? object.textAt("reportingInstance") : source.textAt("host")
    let message = object["message"]?.text ?? object.textAt("note")
    return [
      .string(now.age(of: last)), .string(object.textAt("type")), .string(object.textAt("reason")),
      .string("\(subject.textAt("kind").lowercased())/\(subject.textAt("name"))"), .string(subject.textAt("fieldPath")),
      .string(host.isEmpty ? component : "\(component), \(host)"),
      .string(message.trimmingSpace()), .string(now.age(of: first)), .integer(count), Cells.name(object),
    ]
  }

  private static func moment(_ object: JSONValue, _ names: [String]) -> String? {
    names.lazy.compactMap { object[$0]?.text }.first
  }

  static func selectable(object: String, source: String) -> [SelectableField] {
    ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"].map { field in
      SelectableField("\(object).\(field)")
    } + [
      SelectableField("reason"), SelectableField("type"),
      SelectableField(source == "source" ? "source" : "reportingController") {
        let component = $0.textAt(source, "component")
        return component.isEmpty ? $0.textAt("reportingComponent") + $0.textAt("reportingController") : component
      },
      SelectableField("reportingComponent") { $0.textAt("reportingComponent") + $0.textAt("reportingController") },
    ]
  }

  /// The namespace of an event is that of its object, or `default` for objects without one.
  private static func namespaceErrors(_ object: JSONValue, subject: String) -> [FieldError] {
    let own = object.textAt("metadata", "namespace")
    let others = object.textAt(subject, "namespace")
    if others.isEmpty ? own == "default" || own.isEmpty || own == "kube-system" : own == others { return [] }
    return [.invalid("\(subject).namespace", others, "does not match event.namespace")]
  }

  @Sendable static func oldErrors(_ object: JSONValue) -> [FieldError] {
    namespaceErrors(object, subject: "involvedObject")
  }

  @Sendable static func newErrors(_ object: JSONValue) -> [FieldError] {
    var errors = namespaceErrors(object, subject: "regarding")
    if object["eventTime"] == nil { errors.append(.required("eventTime")) }
    let reporter = object.textAt("reportingController")
    if reporter.isEmpty {
      errors.append(.required("reportingController"))
    } else {
      errors += NameRule.qualifiedName.errors(reporter, at: "reportingController")
    }
    for (field, limit) in [("reportingInstance", 128), ("action", 128), ("reason", 128)] {
      let text = object.textAt(field)
      if text.isEmpty { errors.append(.required(field)) }
      if text.utf8.count > limit {
        errors.append(.invalid(field, text, "can have at most \(limit) characters"))
      }
    }
    if object.textAt("note").utf8.count > 1_024 {
      errors.append(.invalid("note", object.textAt("note"), "can have at most 1024 characters"))
    }
    if !["Normal", "Warning"].contains(object.textAt("type")) {
      errors.append(.invalid("type", object.textAt("type"), "has invalid value"))
    }
    return errors
  }
}

extension String {
  fileprivate func trimmingSpace() -> String {
    let body = drop { $0.isWhitespace }
    return String(body.reversed().drop { $0.isWhitespace }.reversed())
  }
}
