from onnx import TensorProto, helper

from gsam_edge.export.quantization.operator_sets import drop_unused_operator_sets


def value(name):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])


def model_of(nodes, *sets):
    graph = helper.make_graph(nodes, "graph", [value("a")], [value("b")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*each) for each in sets])


def declared_after(model):
    drop_unused_operator_sets(model)
    return {entry.domain: entry.version for entry in model.opset_import}


def test_sets_of_which_no_node_is_used_are_dropped():
    model = model_of([helper.make_node("Relu", ["a"], ["b"])], ("", 17), ("ai.onnx.ml", 5), ("com.microsoft", 1))
    assert declared_after(model) == {"": 17}


def test_a_set_stays_for_a_node_of_it_also_within_a_branch():
    branch = helper.make_graph(
        [helper.make_node("Gelu", ["a"], ["b"], domain="com.microsoft")], "then", [], [value("b")]
    )
    node = helper.make_node("If", ["a"], ["b"], then_branch=branch, else_branch=branch)
    model = model_of([node], ("", 17), ("ai.onnx.ml", 5), ("com.microsoft", 1))
    assert declared_after(model) == {"": 17, "com.microsoft": 1}


def test_a_set_stays_for_a_function_of_the_model():
    inner = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("own", 1)]
    function = helper.make_function("own", "Twice", ["x"], ["y"], [inner], sets)
    model = model_of(
        [helper.make_node("Twice", ["a"], ["b"], domain="own")], ("", 17), ("com.microsoft", 1), ("own", 1)
    )
    model.functions.append(function)
    assert declared_after(model) == {"": 17, "com.microsoft": 1, "own": 1}
