import HTTPServing

/// A column of what `kubectl get` shows. Source: Kubernetes `meta/v1.TableColumnDefinition`.
public struct PrinterColumn: Sendable {
  public let name: String
  /// `string`, `integer`.
  public let type: String
  /// `name` for the column with the object's name.
  public let format: String
  public let summary: String
  /// 0: always shown; 1: with `-o wide`.
  public let priority: Int

  public init(_ name: String, _ summary: String, type: String = "string", format: String = "", priority: Int = 0) {
    self.name = name
    self.summary = summary
    self.type = type
    self.format = format
    self.priority = priority
  }
}

/// The columns of a kind, and what stands in them for one object.
public struct PrinterTable: Sendable {
  public let columns: [PrinterColumn]
  /// As many cells as there are columns. Ages are told from the moment passed in.
  public let cells: @Sendable (_ object: JSONValue, _ now: Timestamp) -> [JSONValue]

  public init(
    columns: [PrinterColumn], cells: @escaping @Sendable (_ object: JSONValue, _ now: Timestamp) -> [JSONValue]
  ) {
    self.columns = columns
    self.cells = cells
  }

  public static let nameColumn = PrinterColumn("Name", "Name of the object.", format: "name")
  public static let ageColumn = PrinterColumn("Age", "Time since the object was made.")

  /// Of the number of replicas of an object (`autoscaling/v1` Scale).
  public static let scale = PrinterTable(
    columns: [
      PrinterColumn("Name", "Name of the object."),
      PrinterColumn("Desired", "How many replicas there shall be.", type: "integer"),
      PrinterColumn("Available", "How many replicas there are.", type: "integer"), ageColumn,
    ]
  ) { scale, now in
    [
      .string(scale.meta.name), scale.at("spec", "replicas") ?? 0, scale.at("status", "replicas") ?? 0,
      .string(scale.age(now)),
    ]
  }

  /// What kinds without columns of their own show.
  public static let nameAndAge = PrinterTable(columns: [nameColumn, ageColumn]) { object, now in
    [.string(object["metadata"]?["name"]?.text ?? ""), .string(object.age(now))]
  }
}

extension JSONValue {
  /// Time since the object was made, as tables show it.
  public func age(_ now: Timestamp) -> String {
    now.age(of: self["metadata"]?["creationTimestamp"]?.text)
  }
}
