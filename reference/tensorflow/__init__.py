"""The reference implementation in TensorFlow: model, training, inference, replay."""
